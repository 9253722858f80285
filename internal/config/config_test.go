package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/internal/ticketsystem"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// enough is the least that a start needs.
var enough = []string{"INTERLOCK_REGION=cn-north-4", "HUAWEICLOUD_SDK_AK=a", "HUAWEICLOUD_SDK_SK=s"}

func read(environ ...string) (config.Config, error) {
	return config.Read(environ, "bolt:interlock.db", "memory:")
}

func TestDefaults(t *testing.T) {
	c, err := read(append(enough, "PATH=/bin", "OTHER_REGION=x")...)
	require.NoError(t, err)
	require.Equal(t, config.Config{
		Region: "cn-north-4",
		Endpoints: cloudapi.EndpointSet{
			GaussDB: "https://gaussdb.cn-north-4.myhuaweicloud.com", DBSS: "https://dbss.cn-north-4.myhuaweicloud.com", IAM: "https://iam.cn-north-4.myhuaweicloud.com",
			EventGrid: "https://eg.cn-north-4.myhuaweicloud.com",
		},
		Credentials: config.Credentials{AK: "a", SK: "s"},
		Ledger:      config.Place{Kind: "bolt", Rest: "interlock.db"},
		Bus:         config.Place{Kind: "memory"},
		Quiet:       time.Minute, Retention: 90 * 24 * time.Hour, GiveUp: 24 * time.Hour, Follow: 2 * time.Hour,
		Language: "en-us", Timezone: time.UTC,
	}, c)
}

func TestEverything(t *testing.T) {
	const other = "YW5vdGhlci1rZXktYW5vdGhlci1rZXktYW5vdGhlcg=="
	keys, err := webhook.ParseKeys([]string{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", other})
	require.NoError(t, err)
	c, err := read(
		"INTERLOCK_REGION=cn-north-4",
		"INTERLOCK_GAUSSDB_ENDPOINT=https://db.example.com/", "INTERLOCK_DBSS_ENDPOINT=https://audit.example.com", "INTERLOCK_IAM_ENDPOINT=http://127.0.0.1:8081",
		"INTERLOCK_IAM_DOMAIN=d", "INTERLOCK_IAM_USER=u", "INTERLOCK_IAM_PASSWORD=p",
		"INTERLOCK_LEDGER=dynamodb:table", "INTERLOCK_BUS=http:https://events.example.com/in?key=k",
		"INTERLOCK_QUIET=300ms", "INTERLOCK_RETENTION=720h", "INTERLOCK_GIVE_UP=1h", "INTERLOCK_FOLLOW=30m",
		"INTERLOCK_QUEUE_URL=https://sqs.example.com/q",
		"INTERLOCK_WEBHOOK_SECRETS=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, "+other,
		"INTERLOCK_WEBHOOK_ORIGINS= tickets.example.com , changes.example.com ",
		"INTERLOCK_JIRA_FIELDS=words=customfield_10100, approvals=customfield_10033",
		"INTERLOCK_POLICY=file:production.cedar", "INTERLOCK_POLICY_ENTITIES=ssm:/interlock/entities", "INTERLOCK_TIMEZONE=Europe/Berlin", "INTERLOCK_TICKETS=reusable",
		"INTERLOCK_DRYRUN=true", "INTERLOCK_HALT=true", "INTERLOCK_LANGUAGE=zh-cn", "INTERLOCK_METRICS=:9090",
	)
	require.NoError(t, err)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, config.Config{
		Region:      "cn-north-4",
		Endpoints:   cloudapi.EndpointSet{GaussDB: "https://db.example.com", DBSS: "https://audit.example.com", IAM: "http://127.0.0.1:8081", EventGrid: "https://eg.cn-north-4.myhuaweicloud.com"},
		Credentials: config.Credentials{Domain: "d", User: "u", Password: "p"},
		Ledger:      config.Place{Kind: "dynamodb", Rest: "table"},
		Bus:         config.Place{Kind: "http", Rest: "https://events.example.com/in?key=k"},
		Quiet:       300 * time.Millisecond, Retention: 720 * time.Hour, GiveUp: time.Hour, Follow: 30 * time.Minute,
		QueueURL:       "https://sqs.example.com/q",
		WebhookSecrets: keys,
		WebhookOrigins: []string{"tickets.example.com", "changes.example.com"},
		Producers:      producers.Reader{JiraWords: "customfield_10100", JiraApprovals: "customfield_10033"},
		Policy:         "file:production.cedar", PolicyEntities: "ssm:/interlock/entities", Timezone: berlin, ReusableTickets: true,
		DryRun: true, Halt: true, Metrics: ":9090", Language: "zh-cn",
	}, c)
}

// A setting that will not do is an error of one line that begins with the
// variable, and shows nothing secret.
func TestErrors(t *testing.T) {
	cases := []struct {
		name  string
		vars  string // set beside, or instead of, what is enough
		names string // the variable that the line is to name
	}{
		{"no region", "INTERLOCK_REGION=", "INTERLOCK_REGION"},
		{"no such region", "INTERLOCK_REGION=mars-1", "INTERLOCK_REGION"},
		{"one endpoint of two", "INTERLOCK_REGION= INTERLOCK_GAUSSDB_ENDPOINT=https://x.example.com", "INTERLOCK_REGION"},
		{"no credentials", "HUAWEICLOUD_SDK_AK= HUAWEICLOUD_SDK_SK=", "HUAWEICLOUD_SDK_AK"},
		{"half a key", "HUAWEICLOUD_SDK_SK=", "HUAWEICLOUD_SDK_SK"},
		{"the other half", "HUAWEICLOUD_SDK_AK=", "HUAWEICLOUD_SDK_AK"},
		{"only a security token", "HUAWEICLOUD_SDK_AK= HUAWEICLOUD_SDK_SK= HUAWEICLOUD_SDK_SECURITY_TOKEN=secret", "HUAWEICLOUD_SDK_AK"},
		{"keys and a token", "INTERLOCK_AUTH_TOKEN=secret", "INTERLOCK_AUTH_TOKEN"},
		{"a token and a stray security token", "HUAWEICLOUD_SDK_AK= HUAWEICLOUD_SDK_SK= HUAWEICLOUD_SDK_SECURITY_TOKEN=secret INTERLOCK_AUTH_TOKEN=secret", "keys (HUAWEICLOUD_SDK_SECURITY_TOKEN) and a token (INTERLOCK_AUTH_TOKEN)"},
		{"a security token beside its key", "HUAWEICLOUD_SDK_SK= HUAWEICLOUD_SDK_SECURITY_TOKEN=secret", "HUAWEICLOUD_SDK_SK: not set; expected together with keys (HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SECURITY_TOKEN)"},
		{"an access key with a control character", "HUAWEICLOUD_SDK_AK=secret\x1b[0m", "HUAWEICLOUD_SDK_AK"},
		{"a secret key that is not ASCII", "HUAWEICLOUD_SDK_SK=secrét", "HUAWEICLOUD_SDK_SK"},
		{"a security token with a control character", "HUAWEICLOUD_SDK_SECURITY_TOKEN=sec\x00ret", "HUAWEICLOUD_SDK_SECURITY_TOKEN"},
		{"a token with a control character", "HUAWEICLOUD_SDK_AK= HUAWEICLOUD_SDK_SK= INTERLOCK_AUTH_TOKEN=secret\x7fx", "INTERLOCK_AUTH_TOKEN"},
		{"queue, no URL", "INTERLOCK_QUEUE_URL=interlock-proxy-ssl", "INTERLOCK_QUEUE_URL"},
		{"queue, half a URL", "INTERLOCK_QUEUE_URL=/123/interlock-proxy-ssl", "INTERLOCK_QUEUE_URL"},
		{"keys and a user", "INTERLOCK_IAM_USER=u INTERLOCK_IAM_DOMAIN=d INTERLOCK_IAM_PASSWORD=secret", "INTERLOCK_IAM_USER"},
		{"keys and a secret", "INTERLOCK_SECRET_ID=arn", "INTERLOCK_SECRET_ID"},
		{"a user without password", "HUAWEICLOUD_SDK_AK= HUAWEICLOUD_SDK_SK= INTERLOCK_IAM_USER=u INTERLOCK_IAM_DOMAIN=d", "INTERLOCK_IAM_PASSWORD"},
		{"misspelt", "INTERLOCK_LEGDER=memory:", "INTERLOCK_LEGDER"},
		{"in lower case", "INTERLOCK_region=x", "INTERLOCK_region"},
		{"ledger without kind", "INTERLOCK_LEDGER=interlock.db", "INTERLOCK_LEDGER"},
		{"ledger of no such kind", "INTERLOCK_LEDGER=redis:x", "INTERLOCK_LEDGER"},
		{"ledger without path", "INTERLOCK_LEDGER=bolt:", "INTERLOCK_LEDGER"},
		{"memory with a path", "INTERLOCK_LEDGER=memory:x", "INTERLOCK_LEDGER"},
		{"bus of no such kind", "INTERLOCK_BUS=kafka:x", "INTERLOCK_BUS"},
		{"bus without URL", "INTERLOCK_BUS=http:", "INTERLOCK_BUS"},
		{"bus, half a URL", "INTERLOCK_BUS=http://events.example.com/", "INTERLOCK_BUS"},
		{"bus, plain http", "INTERLOCK_BUS=http:http://events.example.com/?key=secret", "INTERLOCK_BUS"},
		{"bus with a password", "INTERLOCK_BUS=http:ftp://user:secret@events.example.com/", "INTERLOCK_BUS"},
		{"endpoint, plain http", "INTERLOCK_GAUSSDB_ENDPOINT=http://x.example.com", "INTERLOCK_GAUSSDB_ENDPOINT"},
		{"endpoint, no URL", "INTERLOCK_DBSS_ENDPOINT=x.example.com", "INTERLOCK_DBSS_ENDPOINT"},
		{"IAM endpoint, no URL", "INTERLOCK_IAM_ENDPOINT=:", "INTERLOCK_IAM_ENDPOINT"},
		{"quiet, a number", "INTERLOCK_QUIET=60", "INTERLOCK_QUIET"},
		{"quiet, zero", "INTERLOCK_QUIET=0s", "INTERLOCK_QUIET"},
		{"retention, days", "INTERLOCK_RETENTION=90d", "INTERLOCK_RETENTION"},
		{"give up, never", "INTERLOCK_GIVE_UP=never", "INTERLOCK_GIVE_UP"},
		{"follow, backwards", "INTERLOCK_FOLLOW=-2h", "INTERLOCK_FOLLOW"},
		{"dry run, yes", "INTERLOCK_DRYRUN=yes", "INTERLOCK_DRYRUN"},
		{"a short webhook key", "INTERLOCK_WEBHOOK_SECRETS=secret", "INTERLOCK_WEBHOOK_SECRETS"},
		{"a webhook key that is none", "INTERLOCK_WEBHOOK_SECRETS=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,secret!", "INTERLOCK_WEBHOOK_SECRETS"},
		{"no webhook key", "INTERLOCK_WEBHOOK_SECRETS=,", "INTERLOCK_WEBHOOK_SECRETS"},
		{"an empty list of webhook keys", "INTERLOCK_WEBHOOK_SECRETS=", "INTERLOCK_WEBHOOK_SECRETS"},
		{"a webhook key with a limit that there is not", "INTERLOCK_WEBHOOK_SECRETS=name=a;switch=x:whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "INTERLOCK_WEBHOOK_SECRETS: 1 of 1"},
		{"webhook keys in no secret", "INTERLOCK_WEBHOOK_SECRETS=secret:", "INTERLOCK_WEBHOOK_SECRETS: found that the keys are kept elsewhere, expected INTERLOCK_SECRET_ID"},
		{"tickets, twice", "INTERLOCK_TICKETS=twice", "INTERLOCK_TICKETS: found \"twice\", expected once or reusable"},
		{"open, yes", "INTERLOCK_OPEN=yes", "INTERLOCK_OPEN"},
		{"an address without a port", "INTERLOCK_METRICS=9090", "INTERLOCK_METRICS"},
		{"a field of Jira that is no custom one", "INTERLOCK_JIRA_FIELDS=words=labels", "INTERLOCK_JIRA_FIELDS"},
		{"a field of Jira without its number", "INTERLOCK_JIRA_FIELDS=words=customfield_", "INTERLOCK_JIRA_FIELDS"},
		{"a field of Jira of another number", "INTERLOCK_JIRA_FIELDS=words=customfield_1x", "INTERLOCK_JIRA_FIELDS"},
		{"a field of Jira of no such name", "INTERLOCK_JIRA_FIELDS=digest=customfield_1", "INTERLOCK_JIRA_FIELDS"},
		{"the words of Jira without its approvals", "INTERLOCK_JIRA_FIELDS=words=customfield_1", "expected both words=customfield_… and approvals=customfield_…"},
		{"the approvals of Jira without its words", "INTERLOCK_JIRA_FIELDS=approvals=customfield_1", "expected both words=customfield_… and approvals=customfield_…"},
		{"a field of Jira twice", "INTERLOCK_JIRA_FIELDS=words=customfield_1,words=customfield_2", "INTERLOCK_JIRA_FIELDS"},
		{"tickets of no such system", "INTERLOCK_TICKET_SYSTEM=remedy:https://t.example.com", "INTERLOCK_TICKET_SYSTEM"},
		{"tickets without URL", "INTERLOCK_TICKET_SYSTEM=servicenow:", "INTERLOCK_TICKET_SYSTEM"},
		{"tickets, plain http", "INTERLOCK_TICKET_SYSTEM=servicenow:http://t.example.com", "INTERLOCK_TICKET_SYSTEM"},
		{"tickets with a password", "INTERLOCK_TICKET_SYSTEM=servicenow:https://user:secret@t.example.com", "INTERLOCK_TICKET_SYSTEM"},
		{"tickets with a query", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com/?secret", "INTERLOCK_TICKET_SYSTEM"},
		{"tickets of nobody", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com", "INTERLOCK_TICKET_TOKEN: not set"},
		{"tickets by a user without password", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com INTERLOCK_TICKET_USER=u", "INTERLOCK_TICKET_PASSWORD: not set"},
		{"tickets by two ways", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com INTERLOCK_TICKET_TOKEN=secret INTERLOCK_TICKET_PASSWORD=secret", "INTERLOCK_TICKET_TOKEN"},
		{"tickets by a token with a control character", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com INTERLOCK_TICKET_TOKEN=secret\x01", "INTERLOCK_TICKET_TOKEN"},
		{"tickets by a user with a colon", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com INTERLOCK_TICKET_USER=a:b INTERLOCK_TICKET_PASSWORD=secret", "INTERLOCK_TICKET_USER"},
		{"half of who asks for tickets, beside a secret", "HUAWEICLOUD_SDK_AK= HUAWEICLOUD_SDK_SK= INTERLOCK_SECRET_ID=arn INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com INTERLOCK_TICKET_USER=u", "INTERLOCK_TICKET_PASSWORD: not set"},
		{"tickets of Jira without a field", "INTERLOCK_TICKET_SYSTEM=jira:https://t.example.com INTERLOCK_TICKET_TOKEN=secret", "INTERLOCK_TICKET_FIELDS: digest: not set"},
		{"fields of no such name", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com INTERLOCK_TICKET_TOKEN=secret INTERLOCK_TICKET_FIELDS=digset=u_x", "INTERLOCK_TICKET_FIELDS"},
		{"who asks for tickets, of no system", "INTERLOCK_TICKET_TOKEN=secret", "INTERLOCK_TICKET_TOKEN: found a value, expected none without INTERLOCK_TICKET_SYSTEM"},
		{"fields of no system", "INTERLOCK_TICKET_FIELDS=digest=x", "INTERLOCK_TICKET_FIELDS"},
		{"an empty policy", "INTERLOCK_POLICY=", "INTERLOCK_POLICY: found no rule that permits"},
		{"a policy's place of no such kind", "INTERLOCK_POLICY=s3:bucket/policy.cedar", "INTERLOCK_POLICY"},
		{"a policy's place without name", "INTERLOCK_POLICY=file:", "INTERLOCK_POLICY"},
		{"a policy that permits nothing", "INTERLOCK_POLICY=forbid(principal,action,resource);", "INTERLOCK_POLICY"},
		{"entities in the variable", "INTERLOCK_POLICY_ENTITIES=[]", "INTERLOCK_POLICY_ENTITIES"},
		{"entities without name", "INTERLOCK_POLICY_ENTITIES=ssm:", "INTERLOCK_POLICY_ENTITIES"},
		{"no such time zone", "INTERLOCK_TIMEZONE=Europe/Berlinn", "INTERLOCK_TIMEZONE"},
		{"the machine's time zone", "INTERLOCK_TIMEZONE=Local", "INTERLOCK_TIMEZONE"},
		{"an offset", "INTERLOCK_TIMEZONE=+01:00", "INTERLOCK_TIMEZONE"},
		{"halt, 1", "INTERLOCK_HALT=1", "INTERLOCK_HALT"},
		{"language, in capitals", "INTERLOCK_LANGUAGE=EN-US", "INTERLOCK_LANGUAGE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(append(slices.Clone(enough), strings.Fields(c.vars)...)...)
			require.ErrorContains(t, err, c.names)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "%!")
		})
	}
}

func TestTickets(t *testing.T) {
	c, err := read(append(enough, "INTERLOCK_TICKET_SYSTEM=jira:http://127.0.0.1:8082/ex/jira/1/", "INTERLOCK_TICKET_FIELDS=digest=customfield_10200",
		"INTERLOCK_TICKET_USER=canary", "INTERLOCK_TICKET_PASSWORD=canary")...)
	require.NoError(t, err)
	require.Equal(t, config.Place{Kind: "jira", Rest: "http://127.0.0.1:8082/ex/jira/1"}, c.TicketSystem)
	require.Equal(t, ticketsystem.Fields{Requester: "reporter", Digest: "customfield_10200"}, c.TicketFields)
	require.Equal(t, ticketsystem.Credentials{User: "canary", Password: "canary"}, c.TicketCredentials)
	require.NotContains(t, fmt.Sprintf("%+v %#v", c, c), "canary")

	// In the secret, with the cloud's.
	c, err = read("INTERLOCK_REGION=cn-north-4", "INTERLOCK_SECRET_ID=arn", "INTERLOCK_TICKET_SYSTEM=servicenow:https://t.example.com")
	require.NoError(t, err)
	require.Empty(t, c.TicketCredentials)
	of, err := config.TicketsFromSecret(map[string]string{"INTERLOCK_TICKET_TOKEN": " canary\n", "HUAWEICLOUD_SDK_AK": "a"})
	require.NoError(t, err)
	require.Equal(t, ticketsystem.Credentials{Token: "canary"}, of)
	_, err = config.TicketsFromSecret(map[string]string{"INTERLOCK_TICKET_USER": "canary"})
	require.ErrorContains(t, err, "INTERLOCK_TICKET_PASSWORD: not set")
	require.NotContains(t, err.Error(), "canary")
}

// Webhooks' keys may be in the secret, too.
func TestStoredKeys(t *testing.T) {
	c, err := read("INTERLOCK_REGION=cn-north-4", "INTERLOCK_SECRET_ID=arn", "INTERLOCK_WEBHOOK_SECRETS=secret:")
	require.NoError(t, err)
	require.True(t, c.WebhooksStored)
	require.Empty(t, c.WebhookSecrets)
	const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	keys, err := config.KeysFromSecret(map[string]string{"INTERLOCK_WEBHOOK_SECRETS": " name=a:" + key + ",\n" + key + "AAAA\n"})
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.Equal(t, "a", keys[0].Name)
	for _, values := range []map[string]string{nil, {"INTERLOCK_WEBHOOK_SECRETS": ""}, {"INTERLOCK_WEBHOOK_SECRETS": "secret:"}, {"INTERLOCK_WEBHOOK_SECRETS": "canary"}} {
		_, err := config.KeysFromSecret(values)
		require.ErrorContains(t, err, "INTERLOCK_WEBHOOK_SECRETS: ")
		require.NotContains(t, err.Error(), "canary")
	}
}

// On Lambda nothing is assumed of ledger and bus.
func TestMandatory(t *testing.T) {
	_, err := config.Read(enough, "", "memory:")
	require.ErrorContains(t, err, "INTERLOCK_LEDGER: not set; expected memory:, bolt:PATH, dynamodb:TABLE, postgres:URL")
	_, err = config.Read(enough, "memory:", "")
	require.ErrorContains(t, err, "INTERLOCK_BUS: not set")
}

func TestSecret(t *testing.T) {
	s, err := config.ParseSecret(`{"HUAWEICLOUD_SDK_AK":"a","HUAWEICLOUD_SDK_SK":" s\n","note":"ours","number":1,"object":{"note":"ours"}}`)
	require.NoError(t, err)
	require.Equal(t, map[string]config.Account{"": {Credentials: config.Credentials{AK: "a", SK: "s"}}}, s.Accounts())
	require.Equal(t, "ours", s.Values["note"])
	s, err = config.ParseSecret(`{"HUAWEICLOUD_SDK_AK":"a"}`)
	require.NoError(t, err)
	require.ErrorContains(t, s.Accounts()[""].Err, "HUAWEICLOUD_SDK_SK")
	require.Error(t, config.Secret{}.Accounts()[""].Err)
	for _, text := range []string{"", "null", "[]", `"canary"`, `{"canary":`} {
		_, err = config.ParseSecret(text)
		require.EqualError(t, err, "expected a JSON object", text)
	}
}

// A project has credentials of its own. What is wrong with them is no other
// project's concern.
func TestSecretOfProjects(t *testing.T) {
	const one, two, audit = "056538411200d4cd2f79c003c7606412", "156538411200d4cd2f79c003c7606412", "a_b-c538411200d4cd2f79c003c7606412"
	s, err := config.ParseSecret(`{"` + one + `":{"HUAWEICLOUD_SDK_AK":"canary","HUAWEICLOUD_SDK_SK":"canary"},"` + two + `":{"HUAWEICLOUD_SDK_AK":"canary"},"` + audit + `":{"INTERLOCK_AUTH_TOKEN":"canary"}}`)
	require.NoError(t, err)
	all := s.Accounts()
	require.Len(t, all, 3, "credentials for every project, of none")
	require.Equal(t, config.Account{Credentials: config.Credentials{AK: "canary", SK: "canary"}}, all[one])
	require.Equal(t, config.Account{Credentials: config.Credentials{Token: "canary"}}, all[audit])
	require.ErrorContains(t, all[two].Err, "project "+two+": HUAWEICLOUD_SDK_SK: not set")
	require.NotContains(t, all[two].Err.Error(), "canary")

	for _, name := range []string{"production", one[1:], one + one + "0", one[1:] + "/", ""} {
		_, err = config.ParseSecret(`{"HUAWEICLOUD_SDK_AK":"a","HUAWEICLOUD_SDK_SK":"s","` + name + `":{"HUAWEICLOUD_SDK_AK":"canary"}}`)
		require.ErrorContains(t, err, "found credentials, expected the id of their project as its name", name)
		require.NotContains(t, err.Error(), "canary")
	}
}

// However a configuration is printed, its secrets stay out of it.
func TestSecretsDoNotPrint(t *testing.T) {
	c, err := read("INTERLOCK_REGION=cn-north-4", "INTERLOCK_IAM_DOMAIN=canary", "INTERLOCK_IAM_USER=canary", "INTERLOCK_IAM_PASSWORD=canary")
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, c), "canary", verb)
	}
}

// Each way of authenticating has its authenticator.
func TestAuthenticator(t *testing.T) {
	require.IsType(t, &cloudapi.AKSK{}, config.Credentials{AK: "a", SK: "s"}.Authenticator(""))
	require.IsType(t, cloudapi.Token(""), config.Credentials{Token: "t"}.Authenticator(""))
	require.IsType(t, &cloudapi.UserToken{}, config.Credentials{Domain: "d", User: "u", Password: "p"}.Authenticator("https://iam.example.com"))
}

// The ledger can be looked at from where the cloud is not known.
// What asks the policy needs neither region nor credentials nor ledger.
func TestReadPolicy(t *testing.T) {
	c, err := config.ReadPolicy([]string{"INTERLOCK_POLICY=permit (principal, action, resource);", "INTERLOCK_REGION=eu-west-101"})
	require.NoError(t, err)
	require.Equal(t, config.Config{Region: "eu-west-101", Policy: "permit (principal, action, resource);", Timezone: time.UTC}, c)
	_, err = config.ReadPolicy([]string{"INTERLOCK_TIMEZONE=CET "})
	require.NoError(t, err)
	_, err = config.ReadPolicy([]string{"INTERLOCK_TIMEZONE=Mars"})
	require.ErrorContains(t, err, "INTERLOCK_TIMEZONE: found \"Mars\", expected a time zone's name")
	_, err = config.ReadPolicy([]string{"INTERLOCK_POLCY=x"})
	require.ErrorContains(t, err, "INTERLOCK_POLCY: unknown variable")
}

func TestReadLedger(t *testing.T) {
	c, err := config.ReadLedger([]string{"INTERLOCK_QUIET=2s"}, "bolt:interlock.db", "memory:")
	require.NoError(t, err)
	require.Equal(t, config.Place{Kind: "bolt", Rest: "interlock.db"}, c.Ledger)
	require.Equal(t, 2*time.Second, c.Quiet)
	_, err = config.ReadLedger([]string{"INTERLOCK_LEDGER=file:x"}, "", "memory:")
	require.ErrorContains(t, err, "INTERLOCK_LEDGER")
	_, err = config.ReadLedger([]string{"INTERLOCK_LEGDER=bolt:x"}, "", "memory:")
	require.ErrorContains(t, err, "INTERLOCK_LEGDER")
}
