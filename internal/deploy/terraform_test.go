package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

var capitals = regexp.MustCompile(`([a-z])([A-Z])`)

// variable is how the module calls a parameter, or an output.
func variable(parameter string) string {
	for from, to := range map[string]string{"GaussDB": "Gaussdb", "DBSS": "Dbss", "IAM": "Iam"} {
		parameter = strings.Replace(parameter, from, to, 1)
	}
	return strings.ToLower(capitals.ReplaceAllString(parameter, "${1}_$2"))
}

// variables are a stack's parameters as the module takes them.
func variables(parameters map[string]string) map[string]string {
	all := map[string]string{"package": "package.zip"}
	for name, v := range parameters {
		all[variable(name)] = v
	}
	return all
}

// The module takes what the template takes: the same defaults, and nothing that the other
// refuses.
func TestModuleTakesWhatTheTemplateTakes(t *testing.T) {
	tpl, m := load(t), loadModule(t)
	known := []string{"name", "package"} // which CloudFormation knows by itself
	for name, p := range tpl.Parameters {
		known = append(known, variable(name))
		body := m.variables[variable(name)]
		require.NotNil(t, body, "deploy/terraform/variables.tf: add %s", variable(name))
		def, ok := p["Default"]
		require.Equal(t, ok, body.Attributes["default"] != nil, name)
		if ok {
			require.Equal(t, same(def), same(plain(t, value(t, body.Attributes["default"].Expr, nil))), name)
		}
		takes := func(v any) bool {
			values := variables(required)
			values[variable(name)] = fmt.Sprint(v)
			_, err := m.with(t, values)
			return err == nil
		}
		switch {
		case p["AllowedPattern"] != nil:
			require.Equal(t, p["AllowedPattern"], argument(t, body, "regex").AsString(), name)
			require.False(t, takes("two words"), name)
		case p["MinValue"] != nil:
			least, most := number(t, p["MinValue"]), number(t, p["MaxValue"])
			require.Equal(t, []bool{true, false, true, false, false}, []bool{takes(least), takes(least - 1), takes(most), takes(most + 1), takes(least + 0.5)}, name)
		case fmt.Sprint(p["AllowedValues"]) == "[true false]":
			require.Equal(t, "bool", hcl.ExprAsKeyword(body.Attributes["type"].Expr), name)
		default:
			require.Equal(t, same(p["AllowedValues"]), same(plain(t, argument(t, body, "contains"))), name)
			require.False(t, takes(0), name)
		}
	}
	require.ElementsMatch(t, known, slices.Collect(maps.Keys(m.variables)))
}

// argument is the first one of a function that a variable's validation calls.
func argument(t *testing.T, variable *hclsyntax.Body, function string) (found cty.Value) {
	for _, b := range variable.Blocks {
		wrong := hclsyntax.VisitAll(b.Body, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == function {
				found = value(t, call.Args[0], nil)
			}
			return nil
		})
		require.False(t, wrong.HasErrors())
	}
	require.NotEqual(t, cty.NilVal, found, "calls no %s", function)
	return found
}

// Whatever is chosen, the module makes just the resources that the template makes, with
// just their properties.
func TestModuleMakesWhatTheTemplateMakes(t *testing.T) {
	tpl, m := load(t), loadModule(t)
	ids := map[string]string{}
	for name := range tpl.ofType("AWS::Serverless::Function") {
		ids[folder(name)] = strings.TrimSuffix(name, "Function")
	}
	for name, values := range map[string]map[string]string{
		"required":   required,
		"full":       full,
		"halted":     with(required, "Halt", "true", "DryRun", "true", "LogLevel", "DEBUG"),
		"production": with(required, "Stage", "production", "ReservedConcurrency", "7", "MaximumConcurrency", "5", "RetentionDays", "365", "LogRetentionDays", "30"),
		"packed":     with(required, "Policy", "file:production.cedar", "PolicyEntities", "file:entities.json", "CallerArn", full["CallerArn"]),
	} {
		t.Run(name, func(t *testing.T) {
			resources, outputs := m.evaluate(t, variables(values), ids)
			want := expected(t, tpl.with(values), ids)
			require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(resources)))
			for address := range want {
				require.Equal(t, same(want[address]), same(resources[address]), address)
			}
			told := map[string]any{}
			for name, o := range tpl.Outputs {
				v := tpl.with(values).resolve(at(o, "Value"))
				of := variable(name)
				for f, id := range ids {
					if rest, ok := strings.CutPrefix(name, id); ok {
						kind := map[string]string{"FunctionArn": "function_arns", "Url": "urls", "QueueUrl": "queue_urls", "DeadQueueUrl": "dead_queue_urls"}[rest]
						if told[kind] == nil {
							told[kind] = map[string]any{}
						}
						told[kind].(map[string]any)[f], of = v, ""
					}
				}
				if of != "" {
					told[of] = v
				}
			}
			require.Equal(t, told, outputs)
		})
	}
}

func with(values map[string]string, more ...string) map[string]string {
	values = maps.Clone(values)
	for i := 0; i < len(more); i += 2 {
		values[more[i]] = more[i+1]
	}
	return values
}

// places are the resources of the module by the logical names of the template, where ~
// stands for what those of a function begin with.
var places = map[string]string{
	"Bus": "aws_cloudwatch_event_bus.bus", "Archive": "aws_cloudwatch_event_archive.archive", "Table": "aws_dynamodb_table.table",
	"UndeliveredQueue": "aws_sqs_queue.undelivered", "UndeliveredQueuePolicy": "aws_sqs_queue_policy.undelivered",
	"UndeliveredAlarm": "aws_cloudwatch_metric_alarm.undelivered", "DeniedAlarm": "aws_cloudwatch_metric_alarm.denied",
	"TableThrottledAlarm": "aws_cloudwatch_metric_alarm.table_throttled", "SharedPolicy": "aws_iam_policy.shared", "Dashboard": "aws_cloudwatch_dashboard.dashboard",
	"JobFollowRule": "aws_cloudwatch_event_rule.jobfollow", "JobFollowRuleAlarm": "aws_cloudwatch_metric_alarm.jobfollow_rule",
	"~Function": "aws_lambda_function.function", "~Role": "aws_iam_role.function", "~Log": "aws_cloudwatch_log_group.function",
	"~Denials":       "aws_cloudwatch_log_metric_filter.denials",
	"~UrlPermission": "aws_lambda_permission.url", "~InvokePermission": "aws_lambda_permission.invoke",
	"~SignedUrlPermission": "aws_lambda_permission.signed_url", "~SignedInvokePermission": "aws_lambda_permission.signed_invoke",
	"~Queue": "aws_sqs_queue.function", "~DeadQueue": "aws_sqs_queue.dead", "~QueuePolicy": "aws_sqs_queue_policy.function",
	"~Rule": "aws_cloudwatch_event_rule.switch", "~TagRule": "aws_cloudwatch_event_rule.tag",
	"~ErrorsAlarm": "aws_cloudwatch_metric_alarm.errors", "~ThrottlesAlarm": "aws_cloudwatch_metric_alarm.throttles",
	"~DurationAlarm": "aws_cloudwatch_metric_alarm.duration", "~AgeAlarm": "aws_cloudwatch_metric_alarm.age",
	"~DeadAlarm": "aws_cloudwatch_metric_alarm.dead", "~RuleAlarm": "aws_cloudwatch_metric_alarm.rule",
}

// renamed are the properties that the provider knows by another name alone.
var renamed = map[string]map[string]string{
	"AWS::Events::EventBus":      {"Name": "name", "Description": "description"},
	"AWS::Events::Archive":       {"Description": "description", "SourceArn": "event_source_arn", "RetentionDays": "retention_days", "EventPattern": "event_pattern"},
	"AWS::Events::Rule":          {"Name": "name", "Description": "description", "EventPattern": "event_pattern", "EventBusName": "event_bus_name"},
	"AWS::SQS::Queue":            {"QueueName": "name", "VisibilityTimeout": "visibility_timeout_seconds", "MessageRetentionPeriod": "message_retention_seconds", "SqsManagedSseEnabled": "sqs_managed_sse_enabled", "RedrivePolicy": "redrive_policy"},
	"AWS::SQS::QueuePolicy":      {"Queues": "queue_url", "PolicyDocument": "policy"},
	"AWS::DynamoDB::Table":       {"BillingMode": "billing_mode", "DeletionProtectionEnabled": "deletion_protection_enabled"},
	"AWS::IAM::ManagedPolicy":    {"Description": "description", "PolicyDocument": "policy"},
	"AWS::IAM::Role":             {"AssumeRolePolicyDocument": "assume_role_policy"},
	"AWS::Logs::LogGroup":        {"LogGroupName": "name", "RetentionInDays": "retention_in_days"},
	"AWS::Logs::MetricFilter":    {"LogGroupName": "log_group_name", "FilterPattern": "pattern"},
	"AWS::Lambda::Permission":    {"Action": "action", "FunctionUrlAuthType": "function_url_auth_type", "InvokedViaFunctionUrl": "invoked_via_function_url", "Principal": "principal"},
	"AWS::CloudWatch::Dashboard": {"DashboardName": "dashboard_name", "DashboardBody": "dashboard_body"},
	"AWS::Serverless::Function":  {"FunctionName": "function_name", "Runtime": "runtime", "Architectures": "architectures", "Handler": "handler", "Role": "role", "MemorySize": "memory_size", "Timeout": "timeout"},
	"AWS::CloudWatch::Alarm": {"AlarmName": "alarm_name", "AlarmDescription": "alarm_description", "Namespace": "namespace", "MetricName": "metric_name", "Statistic": "statistic", "ExtendedStatistic": "extended_statistic",
		"Period": "period", "EvaluationPeriods": "evaluation_periods", "DatapointsToAlarm": "datapoints_to_alarm", "ComparisonOperator": "comparison_operator", "Threshold": "threshold",
		"TreatMissingData": "treat_missing_data", "AlarmActions": "alarm_actions", "OKActions": "ok_actions"},
}

// expected are the module's resources, as the template has them.
func expected(t *testing.T, d deployment, ids map[string]string) map[string]any {
	all := map[string]any{}
	for name, r := range d.Resources {
		if r.Condition != "" && !d.holds(d.Conditions[r.Condition]) {
			continue
		}
		logical, f, id := name, "", ""
		place, shared := places[name]
		for f, id = range ids {
			if shared {
				break
			}
			if rest, ok := strings.CutPrefix(name, id); ok && places["~"+rest] != "" {
				logical, place = "~"+rest, places["~"+rest]
				break
			}
		}
		require.NotEmpty(t, place, "deploy/terraform: add %s", name)
		own := ""
		if !shared {
			own = "." + f
		}
		p := d.resolve(r.Properties).(map[string]any)
		if r.Type == "AWS::Serverless::Function" {
			p = merged(d.resolve(d.Globals.Function).(map[string]any), p)
		}
		a := map[string]any{}
		take := func(property string) any {
			v := p[property]
			delete(p, property)
			return v
		}
		for property, attribute := range renamed[r.Type] {
			a[attribute] = take(property)
		}
		if tags, ok := take("Tags").([]any); ok {
			a["tags"] = pairs(tags, "Key")
		} else if r.Type == "AWS::Serverless::Function" {
			a["tags"] = d.resolve(d.Globals.Function["Tags"])
		}
		switch r.Type {
		case "AWS::Events::Archive", "AWS::DynamoDB::Table", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::Logs::MetricFilter":
			// CloudFormation makes up a name.
			a["name"] = map[string]string{"Archive": "interlock-archive", "Table": "interlock-ledger", "SharedPolicy": "interlock-shared",
				"~Role": "interlock-" + f, "~Denials": "interlock-" + f + "-denials"}[logical]
		}
		switch r.Type {
		case "AWS::DynamoDB::Table":
			for _, v := range take("AttributeDefinitions").([]any) {
				a["attribute"] = append(listed(a["attribute"]), map[string]any{"name": at(v, "AttributeName"), "type": at(v, "AttributeType")})
			}
			a["hash_key"] = keys(take("KeySchema"))["HASH"]
			for _, v := range take("GlobalSecondaryIndexes").([]any) {
				k := keys(at(v, "KeySchema"))
				a["global_secondary_index"] = append(listed(a["global_secondary_index"]), map[string]any{"name": at(v, "IndexName"),
					"hash_key": k["HASH"], "range_key": k["RANGE"], "projection_type": at(v, "Projection.ProjectionType")})
			}
			ttl := take("TimeToLiveSpecification")
			a["ttl"] = map[string]any{"attribute_name": at(ttl, "AttributeName"), "enabled": at(ttl, "Enabled")}
			a["point_in_time_recovery"] = map[string]any{"enabled": at(take("PointInTimeRecoverySpecification"), "PointInTimeRecoveryEnabled")}
			a["server_side_encryption"] = map[string]any{"enabled": at(take("SSESpecification"), "SSEEnabled")}
		case "AWS::IAM::Role":
			all["aws_iam_role_policy_attachment.shared"+own] = map[string]any{"role": name, "policy_arn": take("ManagedPolicyArns")}
			policies := take("Policies").([]any)
			require.Len(t, policies, 1)
			all["aws_iam_role_policy.function"+own] = map[string]any{"name": at(policies[0], "PolicyName"), "role": name, "policy": at(policies[0], "PolicyDocument")}
		case "AWS::Logs::MetricFilter":
			for _, v := range take("MetricTransformations").([]any) {
				a["metric_transformation"] = append(listed(a["metric_transformation"]), map[string]any{"namespace": at(v, "MetricNamespace"), "name": at(v, "MetricName"), "value": at(v, "MetricValue")})
			}
		case "AWS::Lambda::Permission":
			require.Equal(t, id+"Function.Alias", take("FunctionName"))
			a["function_name"], a["qualifier"] = id+"Function", id+"Function.Alias:name"
			statement := strings.TrimSuffix(logical[1:], "Permission")
			if !strings.HasPrefix(statement, "Signed") {
				statement = "Caller" + statement
			}
			a["statement_id"] = statement
		case "AWS::Events::Rule":
			for _, v := range take("Targets").([]any) {
				all[strings.Replace(place, "_rule.", "_target.", 1)+own] = map[string]any{"rule": name, "event_bus_name": a["event_bus_name"], "target_id": at(v, "Id"), "arn": at(v, "Arn"),
					"dead_letter_config": map[string]any{"arn": at(v, "DeadLetterConfig.Arn")}}
			}
		case "AWS::CloudWatch::Alarm":
			if dimensions, ok := take("Dimensions").([]any); ok {
				a["dimensions"] = pairs(dimensions, "Name")
			}
			metrics, _ := take("Metrics").([]any)
			for _, v := range metrics {
				q := map[string]any{"id": at(v, "Id"), "expression": at(v, "Expression"), "label": at(v, "Label"), "return_data": at(v, "ReturnData") != false}
				if m, ok := at(v, "MetricStat.Metric").(map[string]any); ok {
					q["metric"] = map[string]any{"namespace": m["Namespace"], "metric_name": m["MetricName"], "dimensions": pairs(m["Dimensions"].([]any), "Name"),
						"period": at(v, "MetricStat.Period"), "stat": at(v, "MetricStat.Stat")}
				}
				a["metric_query"] = append(listed(a["metric_query"]), q)
			}
		case "AWS::Serverless::Function":
			maps.Copy(all, aroundFunction(t, name, f, take))
			description, _, _ := strings.Cut(take("Description").(string), ",")
			a["description"], a["filename"], a["source_code_hash"], a["publish"] = description, "package.zip", "hash of package.zip", true
			if a["reserved_concurrent_executions"] = take("ReservedConcurrentExecutions"); a["reserved_concurrent_executions"] == nil {
				a["reserved_concurrent_executions"] = -1
			}
			a["environment"] = map[string]any{"variables": at(take("Environment"), "Variables")}
			logging := take("LoggingConfig")
			a["logging_config"] = map[string]any{"log_format": at(logging, "LogFormat"), "application_log_level": at(logging, "ApplicationLogLevel"),
				"system_log_level": at(logging, "SystemLogLevel"), "log_group": at(logging, "LogGroup")}
			a["tracing_config"] = map[string]any{"mode": take("Tracing")}
		}
		require.Empty(t, p, "deploy/terraform: %s has more", name)
		all[place+own] = a
	}
	return all
}

// aroundFunction is what SAM makes for a function beside it.
func aroundFunction(t *testing.T, name, f string, take func(string) any) map[string]any {
	for _, of := range []string{"CodeUri", "AutoPublishAliasAllProperties", "DeploymentPreference"} {
		take(of) // by SAM alone; that new code takes all of the traffic at once, the module's page says
	}
	alias := name + ".Alias"
	all := map[string]any{
		"aws_lambda_alias.live." + f:            map[string]any{"name": take("AutoPublishAlias"), "function_name": name, "function_version": name + ".Version"},
		"aws_lambda_function_url.function." + f: map[string]any{"function_name": name, "qualifier": alias + ":name", "authorization_type": at(take("FunctionUrlConfig"), "AuthType")},
	}
	events := take("Events").(map[string]any)
	for event, v := range events {
		p := at(v, "Properties")
		switch at(v, "Type") {
		case "SQS":
			all["aws_lambda_event_source_mapping.queue."+f] = map[string]any{"event_source_arn": at(p, "Queue"), "function_name": alias, "enabled": at(p, "Enabled"), "batch_size": at(p, "BatchSize"),
				"function_response_types": at(p, "FunctionResponseTypes"), "scaling_config": map[string]any{"maximum_concurrency": at(p, "ScalingConfig.MaximumConcurrency")}}
		case "Schedule":
			require.Equal(t, "jobfollow", f)
			rule := name + event
			state := map[any]string{true: "ENABLED", false: "DISABLED"}[at(p, "Enabled")]
			all["aws_cloudwatch_event_rule.sweep"] = map[string]any{"name": "interlock-sweep", "description": "Has jobfollow take up what is due.", "schedule_expression": at(p, "Schedule"), "state": state}
			all["aws_cloudwatch_event_target.sweep"] = map[string]any{"rule": rule, "target_id": f, "arn": alias, "input": at(p, "Input"),
				"retry_policy": map[string]any{"maximum_retry_attempts": at(p, "RetryPolicy.MaximumRetryAttempts"), "maximum_event_age_in_seconds": at(p, "RetryPolicy.MaximumEventAgeInSeconds")}}
			all["aws_lambda_permission.sweep"] = map[string]any{"statement_id": "Sweep", "function_name": name, "qualifier": alias + ":name",
				"action": "lambda:InvokeFunction", "principal": "events.amazonaws.com", "source_arn": rule + ".Arn"}
		default:
			require.Fail(t, "deploy/terraform knows no such event", "%s", v)
		}
	}
	return all
}

// merged is what SAM makes of what it has for all functions, and for one.
func merged(all, own map[string]any) map[string]any {
	m := maps.Clone(all)
	for key, v := range own {
		of, is := m[key].(map[string]any)
		if one, too := v.(map[string]any); is && too {
			m[key] = merged(of, one)
		} else {
			m[key] = v
		}
	}
	return m
}

func listed(v any) []any {
	all, _ := v.([]any)
	return all
}

// pairs turns a list of names and values into a map.
func pairs(all []any, name string) map[string]any {
	m := map[string]any{}
	for _, v := range all {
		m[at(v, name).(string)] = at(v, "Value")
	}
	return m
}

func keys(schema any) map[string]any {
	m := map[string]any{}
	for _, v := range schema.([]any) {
		m[at(v, "KeyType").(string)] = at(v, "AttributeName")
	}
	return m
}

// What CloudFormation keeps where a stack is deleted, Terraform does not destroy.
func TestModuleKeepsWhatTheTemplateKeeps(t *testing.T) {
	m := loadModule(t)
	kept := map[string]bool{}
	for _, r := range load(t).Resources {
		if strings.HasPrefix(r.DeletionPolicy, "Retain") {
			kept[r.Type] = true
		}
	}
	require.Equal(t, map[string]bool{"AWS::DynamoDB::Table": true}, kept)
	for name, body := range m.resources {
		protected := slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool {
			return b.Type == "lifecycle" && value(t, b.Body.Attributes["prevent_destroy"].Expr, nil).True()
		})
		require.Equal(t, name == "aws_dynamodb_table.table", protected, name)
	}
}
