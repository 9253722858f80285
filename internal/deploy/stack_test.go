package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// full gives every parameter that has no default a value, and every optional
// one too.
var full = map[string]string{
	"Region":          "eu-west-101",
	"SecretArn":       "arn:aws:secretsmanager:eu-central-1:123456789012:secret:interlock/cloud-AbCdEf",
	"SecretKeyArn":    "arn:aws:kms:eu-central-1:123456789012:key/0d5f3b62-5a0e-4c3c-9b1c-2f6c1c1b7a55",
	"GaussDBEndpoint": "https://gaussdb.example.com",
	"DBSSEndpoint":    "https://dbss.example.com",
	"IAMEndpoint":     "https://iam.example.com",
	"AlarmTopicArn":   "arn:aws:sns:eu-central-1:123456789012:alarms",
	"CallerArn":       "arn:aws:iam::210987654321:role/change-management",
	"Policy":          "ssm:/interlock/policy",
	"PolicyEntities":  "ssm:/interlock/entities",
	"PolicyKeyArn":    "arn:aws:kms:eu-central-1:123456789012:key/0d5f3b62-5a0e-4c3c-9b1c-2f6c1c1b7a56",
	"Timezone":        "America/Port-au-Prince",
	"Tickets":         "reusable",
	"TicketSystem":    "jira:https://tickets.example.com/ex/jira/1",
	"TicketFields":    "digest=customfield_10200,approved=Ready to go|Approved",
	"JiraFields":      "words=customfield_10300,approvals=customfield_10400",
	"SignedWebhooks":  "true",
}

// required are the parameters without a default.
var required = map[string]string{"Region": full["Region"], "SecretArn": full["SecretArn"]}

func TestParametersSayWhatTheyTake(t *testing.T) {
	d := load(t).with(full)
	for name, p := range d.Parameters {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, p["Description"])
			require.NotEmpty(t, p["ConstraintDescription"])
			value := d.values[name]
			switch {
			case p["AllowedPattern"] != nil:
				pattern := regexp.MustCompile("^(?:" + p["AllowedPattern"].(string) + ")$")
				require.Regexp(t, pattern, value)
				if def, ok := p["Default"]; ok {
					require.Regexp(t, pattern, def)
				}
				require.NotRegexp(t, pattern, "two words")
			case p["AllowedValues"] != nil:
				require.Contains(t, fmt.Sprint(p["AllowedValues"]), value)
			default:
				require.Equal(t, "Number", p["Type"])
				require.NotNil(t, p["MinValue"])
				require.NotNil(t, p["MaxValue"])
			}
		})
	}
}

// A message is received a thousand times at most, and a followed job's once a
// minute.
func TestNoJobIsFollowedUntilItsMessageIsDead(t *testing.T) {
	tpl := load(t)
	pattern := regexp.MustCompile("^(?:" + tpl.Parameters["Follow"]["AllowedPattern"].(string) + ")$")
	longest := time.Duration(0)
	for n := range 1500 {
		for _, unit := range []string{"m", "h"} {
			text := strconv.Itoa(n) + unit
			d, err := time.ParseDuration(text)
			require.NoError(t, err)
			taken := 0 < d && d <= 12*time.Hour
			require.Equal(t, taken, pattern.MatchString(text), text)
			if taken {
				longest = max(longest, d)
			}
		}
	}
	queue := tpl.Resources["JobFollowQueue"].Properties
	require.Greater(t, number(t, at(queue, "RedrivePolicy.maxReceiveCount")), longest.Minutes())
}

// All functions are one artefact: which of them it is to be, Lambda tells it by
// its Handler.
func TestHandlerIsTheFunctionsFolder(t *testing.T) {
	tpl := load(t)
	require.NotContains(t, tpl.Globals.Function, "Handler", "it would be one for all")
	for name, f := range tpl.ofType("AWS::Serverless::Function") {
		require.Equal(t, folder(name), f.Properties["Handler"], name)
		require.FileExists(t, root+"/functions/"+folder(name)+"/"+folder(name)+".go")
	}
}

// goRuntimes are the variables that Go's runtime reads by itself.
var goRuntimes = []string{"GOMAXPROCS", "GOGC"}

// What suits a function with less than a core is set while it has less: Lambda gives one
// at 1,769 MB ("Configure Lambda function memory"), and does not say so to the runtime.
func TestLessThanACore(t *testing.T) {
	all := load(t).Globals.Function
	require.Less(t, number(t, at(all, "MemorySize")), 1769.0)
	for _, variable := range goRuntimes {
		require.NotEmpty(t, at(all, "Environment.Variables."+variable), variable)
	}
}

// What the functions are given is what they take: the configuration's own
// reader judges it.
func TestEnvironmentIsWhatTheProgramReads(t *testing.T) {
	tpl := load(t)
	for name, values := range map[string]map[string]string{"required": required, "full": full} {
		d := tpl.with(values)
		for logicalID, f := range tpl.ofType("AWS::Serverless::Function") {
			t.Run(name+"/"+logicalID, func(t *testing.T) {
				variables := maps.Clone(d.resolve(at(tpl.Globals.Function, "Environment.Variables")).(map[string]any))
				maps.Copy(variables, d.resolve(at(f.Properties, "Environment.Variables")).(map[string]any))
				require.Equal(t, own(logicalID, "Queue"), variables["INTERLOCK_QUEUE_URL"])
				// A reference resolves to a resource's name, here as on AWS to its URL.
				variables["INTERLOCK_QUEUE_URL"] = "https://sqs.eu-central-1.amazonaws.com/123456789012/interlock"
				var environ []string
				for variable, value := range variables {
					require.Contains(t, append(config.Names(), goRuntimes...), variable)
					environ = append(environ, fmt.Sprintf("%s=%v", variable, value))
				}
				c, err := config.Read(environ, "", "")
				require.NoError(t, err)
				require.Equal(t, full["SecretArn"], c.SecretID)
				require.Empty(t, c.Credentials, "credentials stay in the secret")
				require.NotContains(t, variables, "INTERLOCK_HALT", "a published version would keep its halt for ever")
			})
		}
	}
}

func TestAHaltStopsEveryVersionOfEveryFunction(t *testing.T) {
	tpl := load(t)
	for _, halted := range []bool{true, false} {
		d := tpl.with(map[string]string{"Halt": strconv.FormatBool(halted)})
		// Unlike the environment, neither is part of a published version.
		all := d.resolve(tpl.Globals.Function).(map[string]any)
		if halted {
			require.EqualValues(t, 0, all["ReservedConcurrentExecutions"])
		} else {
			require.NotContains(t, all, "ReservedConcurrentExecutions")
		}
		for name, f := range tpl.ofType("AWS::Serverless::Function") {
			own := d.resolve(f.Properties)
			require.NotContains(t, own, "ReservedConcurrentExecutions", name)
			require.Equal(t, !halted, at(own, "Events.Queue.Properties.Enabled"), name)
		}
	}
}

// A policy's parameters are what may be read of Systems Manager, and those alone;
// a packed one takes no permission.
func TestPolicyPermissions(t *testing.T) {
	tpl := load(t)
	const name = "arn:AWS::Partition:ssm:AWS::Region:AWS::AccountId:parameter/interlock/"
	for policy, test := range map[string]struct {
		entities string
		want     []string
	}{
		"":                       {"", nil},
		"file:production.cedar":  {"file:entities.json", nil},
		"ssm:/interlock/policy":  {"", []string{name + "policy"}},
		"ssm:/interlock/policy2": {"ssm:/interlock/entities", []string{name + "policy2", name + "entities"}},
	} {
		values := maps.Clone(required)
		values["Policy"], values["PolicyEntities"] = policy, test.entities
		for _, parameter := range []string{"Policy", "PolicyEntities"} {
			require.Regexp(t, tpl.Parameters[parameter]["AllowedPattern"], values[parameter])
		}
		var got []string
		for _, s := range at(tpl.with(values).resolve(tpl.Resources["SharedPolicy"].Properties), "PolicyDocument.Statement").([]any) {
			if at(s, "Action") == "ssm:GetParameter" {
				got = append(got, list(at(s, "Resource"))...)
			}
		}
		require.Equal(t, test.want, got, policy)
	}
	for _, wrong := range []string{"production.cedar", "file:../production.cedar", "file:", "ssm:policy", "ssm:/", "ssm:/a,/b", "ssm:/*", "permit (principal, action, resource);"} {
		require.NotRegexp(t, tpl.Parameters["Policy"]["AllowedPattern"], wrong)
	}
}

func TestNobodyMayDoMoreThanTheyMust(t *testing.T) {
	tpl := load(t)
	d, plain := tpl.with(full), tpl.with(required)
	policies := 0
	check := func(where string, document any) {
		policies++
		for _, statement := range at(document, "Statement").([]any) {
			require.Equal(t, "Allow", at(statement, "Effect"), where)
			for _, action := range list(at(statement, "Action")) {
				require.Regexp(t, `^[a-z0-9]+:[A-Z][A-Za-z]+$`, action, "%s: one action, written out", where)
				for _, resource := range list(at(statement, "Resource")) {
					if strings.HasPrefix(action, "xray:") {
						continue // has no resources
					}
					require.NotContains(t, resource, "*", "%s: %s", where, action)
					if strings.HasPrefix(action, "dynamodb:") && resource == "Table.Arn" {
						keys := at(statement, "Condition.ForAllValues:StringLike.dynamodb:LeadingKeys")
						require.NotNil(t, keys, "%s: %s", where, action)
						for _, key := range list(keys) {
							require.Regexp(t, `^[dijtan]#\*$`, key, "%s: %s", where, action)
							if key == "a#*" || key == "n#*" {
								require.Equal(t, "dynamodb:PutItem", action, "audit records and arrivals are added, and nothing else")
							}
						}
					}
				}
			}
		}
	}
	roles := map[string]string{}
	for name, r := range d.Resources {
		props := d.resolve(r.Properties)
		switch r.Type {
		case "AWS::IAM::ManagedPolicy":
			check(name, at(props, "PolicyDocument"))
		case "AWS::IAM::Role":
			require.Equal(t, []string{"SharedPolicy"}, list(at(props, "ManagedPolicyArns")), name)
			for _, p := range at(props, "Policies").([]any) {
				check(name, at(p, "PolicyDocument"))
				for _, s := range at(p, "PolicyDocument.Statement").([]any) {
					prefix := strings.TrimSuffix(name, "Role")
					require.Contains(t, []any{prefix + "Queue.Arn", prefix + "Log.Arn"}, at(s, "Resource"), "%s: another function's", name)
				}
			}
		case "AWS::SQS::QueuePolicy":
			check(name, at(props, "PolicyDocument"))
			for _, s := range at(props, "PolicyDocument.Statement").([]any) {
				require.Equal(t, "events.amazonaws.com", at(s, "Principal.Service"), name)
				require.Contains(t, fmt.Sprint(at(s, "Condition")), "aws:SourceArn", name)
			}
		case "AWS::Serverless::Function":
			require.NotContains(t, r.Properties, "Policies", "%s: SAM would add a role with wildcards", name)
			role := at(props, "Role").(string)
			require.Empty(t, roles[role], "%s shares a role", name)
			roles[role] = name
			require.Equal(t, "NONE", at(props, "FunctionUrlConfig.AuthType"), name)
			require.Equal(t, "AWS_IAM", at(plain.resolve(r.Properties), "FunctionUrlConfig.AuthType"), name)
		}
	}
	require.Greater(t, policies, len(roles))
}

// A URL is open to all only where each message has to be signed.
func TestCallersOfAURLGetBothPermissions(t *testing.T) {
	tpl := load(t)
	for signed, want := range map[string]string{"true": "NONE secret:", "false": "AWS_IAM <nil>"} {
		d := tpl.with(map[string]string{"SignedWebhooks": signed})
		require.Equal(t, signed == "true", d.holds(tpl.Conditions["IsSigned"]))
		for name, f := range tpl.ofType("AWS::Serverless::Function") {
			require.Equal(t, want, fmt.Sprint(at(d.resolve(f.Properties), "FunctionUrlConfig.AuthType"), " ",
				at(d.resolve(tpl.Globals.Function), "Environment.Variables.INTERLOCK_WEBHOOK_SECRETS")), name)
		}
	}
	type permission struct{ condition, action, via, auth, principal any }
	for name := range tpl.ofType("AWS::Serverless::Function") {
		got := map[permission]bool{}
		for _, p := range tpl.ofType("AWS::Lambda::Permission") {
			if props := tpl.with(full).resolve(p.Properties); at(props, "FunctionName") == name+".Alias" {
				got[permission{p.Condition, at(props, "Action"), at(props, "InvokedViaFunctionUrl"), at(props, "FunctionUrlAuthType"), at(props, "Principal")}] = true
			}
		}
		require.Equal(t, map[permission]bool{
			{"HasCaller", "lambda:InvokeFunctionUrl", nil, "AWS_IAM", full["CallerArn"]}: true,
			{"HasCaller", "lambda:InvokeFunction", true, nil, full["CallerArn"]}:         true,
			{"IsSigned", "lambda:InvokeFunctionUrl", nil, "NONE", "*"}:                   true,
			{"IsSigned", "lambda:InvokeFunction", true, nil, "*"}:                        true,
		}, got, name)
	}
}

func TestQueuesOutlastWhatReadsThem(t *testing.T) {
	tpl := load(t)
	timeout := number(t, tpl.Globals.Function["Timeout"])
	for name, f := range tpl.ofType("AWS::Serverless::Function") {
		t.Run(name, func(t *testing.T) {
			source := at(f.Properties, "Events.Queue.Properties")
			require.Equal(t, own(name, "Queue")+".Arn", at(source, "Queue.Fn::GetAtt"))
			require.Equal(t, []string{"ReportBatchItemFailures"}, list(at(source, "FunctionResponseTypes")))
			require.Equal(t, "MaximumConcurrency", at(source, "ScalingConfig.MaximumConcurrency.Ref"))

			queue := tpl.Resources[own(name, "Queue")].Properties
			require.GreaterOrEqual(t, number(t, queue["VisibilityTimeout"]), 6*timeout)
			require.EqualValues(t, 1000, at(queue, "RedrivePolicy.maxReceiveCount"))
			require.Equal(t, own(name, "DeadQueue")+".Arn", at(queue, "RedrivePolicy.deadLetterTargetArn.Fn::GetAtt"))

			slow := tpl.Resources[own(name, "DurationAlarm")].Properties
			require.InDelta(t, 0.8*1000*timeout, number(t, slow["Threshold"]), 1)
		})
	}
	for name, rule := range tpl.ofType("AWS::Events::Rule") {
		for _, target := range rule.Properties["Targets"].([]any) {
			require.Equal(t, "UndeliveredQueue.Arn", at(target, "DeadLetterConfig.Arn.Fn::GetAtt"), name)
		}
	}
	for name, q := range tpl.ofType("AWS::SQS::Queue") {
		require.Equal(t, true, q.Properties["SqsManagedSseEnabled"], name)
		// What waits out a halt, or for somebody to look at it, has as long as
		// there is.
		require.EqualValues(t, 14*24*60*60, q.Properties["MessageRetentionPeriod"], name)
	}
}

func TestTheTableIsNotLost(t *testing.T) {
	tpl := load(t)
	table := tpl.Resources["Table"]
	require.Equal(t, "RetainExceptOnCreate", table.DeletionPolicy)
	for stage, protected := range map[string]bool{"production": true, "staging": false} {
		p := tpl.with(map[string]string{"Stage": stage}).resolve(table.Properties)
		require.Equal(t, protected, at(p, "DeletionProtectionEnabled"), stage)
		require.Equal(t, true, at(p, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"))
		require.Equal(t, true, at(p, "SSESpecification.SSEEnabled"))
	}
}

// What is replayed must still be known to the ledger.
func TestTheArchiveIsForgottenNoLaterThanTheLedger(t *testing.T) {
	tpl := load(t)
	require.Equal(t, "RetentionDays", at(tpl.Resources["Archive"].Properties, "RetentionDays.Ref"))
	for days, values := range tpl.Mappings["Retention"] {
		require.Equal(t, fmt.Sprintf("%.0fh", 24*number(t, days)), values["Hours"])
	}
}

// What the alarm counts is what a function writes where its policy refuses.
func TestDenialsAreCounted(t *testing.T) {
	var log bytes.Buffer
	observe.Logs(slog.New(slog.NewJSONHandler(&log, nil)))(t.Context(), engine.Step{Name: "policy", Result: "denied", Policies: []string{"two-approvers"}})
	var line map[string]any
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))

	tpl := load(t)
	counted := at(tpl.Resources["DeniedAlarm"].Properties, "MetricName.Fn::Sub")
	require.NotNil(t, counted)
	filters := tpl.ofType("AWS::Logs::MetricFilter")
	require.Len(t, filters, len(tpl.ofType("AWS::Serverless::Function"))-1, "all but jobfollow, which asks no policy")
	for name, f := range filters {
		metric := f.Properties["MetricTransformations"].([]any)[0]
		require.Equal(t, counted, at(metric, "MetricName.Fn::Sub"), name)
		require.Equal(t, at(tpl.Resources["DeniedAlarm"].Properties, "Namespace"), at(metric, "MetricNamespace"), name)
		terms := regexp.MustCompile(`\$\.(\w+) = "(\w+)"`).FindAllStringSubmatch(f.Properties["FilterPattern"].(string), -1)
		require.NotEmpty(t, terms, name)
		for _, term := range terms {
			require.Equal(t, term[2], line[term[1]], name)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.+)$`)

func TestEveryAlarmLeadsToItsPageInTheRunbook(t *testing.T) {
	tpl := load(t)
	text, err := os.ReadFile(root + "/docs/operations.md")
	require.NoError(t, err)
	anchors := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(string(text), -1) {
		anchors[strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")] = true
	}
	alarms := tpl.ofType("AWS::CloudWatch::Alarm")
	for name, alarm := range alarms {
		description := at(alarm.Properties, "AlarmDescription.Fn::Sub").(string)
		_, anchor, _ := strings.Cut(description, "${RunbookUrl}#")
		require.Contains(t, anchors, anchor, "docs/operations.md has no heading for the alarm %s", name)
		require.NotNil(t, alarm.Properties["AlarmActions"], name)
		require.NotNil(t, alarm.Properties["TreatMissingData"], name)
	}
	for name := range tpl.ofType("AWS::Serverless::Function") {
		for _, what := range []string{"Errors", "Throttles", "Duration", "Age", "Dead", "Rule"} {
			require.Contains(t, alarms, own(name, what+"Alarm"))
		}
	}
}

// own is the logical name of what belongs to one function.
func own(function, what string) string { return strings.TrimSuffix(function, "Function") + what }

func list(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var all []string
	for _, e := range v.([]any) {
		all = append(all, e.(string))
	}
	return slices.Clip(all)
}

func number(t testing.TB, v any) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	require.NoError(t, err)
	return f
}
