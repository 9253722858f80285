// Package config reads Interlock's environment variables, once, into a
// [Config]. A missing, misspelt or contradictory setting is an error of one
// line that names the variable.
package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/internal/ticketsystem"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Place is a setting of the form kind:rest, as bolt:interlock.db.
type Place struct{ Kind, Rest string }

// String is the setting without what is secret in it: a database's URL may hold a
// password anywhere.
func (p Place) String() string {
	if p.Kind == "postgres" {
		return "postgres:…"
	}
	return p.Kind + ":" + p.Rest
}

// DatabaseURL is the URL of a setting postgres:URL, or of postgres://… alone.
func (p Place) DatabaseURL() string {
	if strings.HasPrefix(p.Rest, "//") {
		return p.Kind + ":" + p.Rest
	}
	return p.Rest
}

// Credentials are the values that let us into the cloud, by one of three ways:
// keys, a ready token, or a user for whom tokens are fetched.
type Credentials struct {
	AK, SK, SecurityToken  cloudapi.Secret
	Token                  cloudapi.Secret
	Domain, User, Password cloudapi.Secret
}

// Config is the configuration of a process.
type Config struct {
	// Region is the Huawei Cloud region; it picks the endpoints that are not
	// set.
	Region string
	// Endpoints are the cloud's base URLs.
	Endpoints cloudapi.EndpointSet
	// Credentials are those given directly; with SecretID they are in AWS
	// Secrets Manager instead.
	Credentials Credentials
	SecretID    string
	// Ledger is memory:, bolt:PATH, dynamodb:TABLE or postgres:URL, whose URL may also
	// stand alone.
	Ledger Place
	// Bus is memory:, eventbridge:BUS, eventgrid:CHANNEL, http:URL or sink:, which is
	// Sink.
	Bus Place
	// EventGrid is what publishing to a channel needs beside its ID.
	EventGrid EventGrid
	// Sink is where Knative says that events are to go.
	Sink Sink
	// Quiet is the quiet time Q (default 60s), Retention how long outcomes are
	// kept (2160h), GiveUp how long a decision is pursued (24h) and Follow how
	// long a job is (2h).
	Quiet, Retention, GiveUp, Follow time.Duration
	// QueueURL is the function's own SQS queue, on AWS.
	QueueURL string
	// WebhookSecrets and WebhookOrigins open a function URL to senders that
	// sign, and to the webhook handshake. With secrets, what is not signed is
	// refused. WebhooksStored: they are in SecretID's secret.
	WebhookSecrets []webhook.Key
	WebhooksStored bool
	WebhookOrigins []string
	// Open: something else than keys guards the local program's address.
	Open bool
	// Metrics is the address at which the local program tells its metrics beside;
	// empty if at none.
	Metrics string
	// Producers are the fields of ours in others' messages.
	Producers producers.Reader
	// TicketSystem is where tickets are asked for before the first call,
	// servicenow:URL or jira:URL; unset, nobody is asked. TicketFields are the
	// names that it has for what is asked for, TicketCredentials who asks. With
	// SecretID these may be in the secret, too.
	TicketSystem      Place
	TicketFields      ticketsystem.Fields
	TicketCredentials ticketsystem.Credentials
	// Policy is file:PATH, ssm:NAME or a policy's text, and PolicyEntities
	// file:PATH or ssm:NAME; empty where none is set.
	Policy, PolicyEntities string
	// ReusableTickets: a ticket may be spent more than once.
	ReusableTickets bool
	// Timezone is where the policy's hours and days are. Default UTC.
	Timezone *time.Location
	// DryRun: nothing is called, everything is said. Halt: nothing is called,
	// everything is put off.
	DryRun, Halt bool
	// Language is the X-Language of calls: en-us (default) or zh-cn.
	Language string
}

// Names of the variables.
const (
	region        = "INTERLOCK_REGION"
	gaussdb       = "INTERLOCK_GAUSSDB_ENDPOINT"
	dbss          = "INTERLOCK_DBSS_ENDPOINT"
	iam           = "INTERLOCK_IAM_ENDPOINT"
	eventGrid     = "INTERLOCK_EVENTGRID_ENDPOINT"
	gridProject   = "INTERLOCK_EVENTGRID_PROJECT"
	gridSource    = "INTERLOCK_EVENTGRID_SOURCE"
	ak            = "HUAWEICLOUD_SDK_AK"
	sk            = "HUAWEICLOUD_SDK_SK"
	securityToken = "HUAWEICLOUD_SDK_SECURITY_TOKEN"
	authToken     = "INTERLOCK_AUTH_TOKEN"
	iamDomain     = "INTERLOCK_IAM_DOMAIN"
	iamUser       = "INTERLOCK_IAM_USER"
	iamPassword   = "INTERLOCK_IAM_PASSWORD"
	secretID      = "INTERLOCK_SECRET_ID"
	ledgerVar     = "INTERLOCK_LEDGER"
	busVar        = "INTERLOCK_BUS"
	quiet         = "INTERLOCK_QUIET"
	retention     = "INTERLOCK_RETENTION"
	giveUp        = "INTERLOCK_GIVE_UP"
	follow        = "INTERLOCK_FOLLOW"
	queueURL      = "INTERLOCK_QUEUE_URL"
	hookSecrets   = "INTERLOCK_WEBHOOK_SECRETS"
	hookOrigins   = "INTERLOCK_WEBHOOK_ORIGINS"
	open          = "INTERLOCK_OPEN"
	metrics       = "INTERLOCK_METRICS"
	jiraFields    = "INTERLOCK_JIRA_FIELDS"
	ticketSystem  = "INTERLOCK_TICKET_SYSTEM"
	ticketFields  = "INTERLOCK_TICKET_FIELDS"
	ticketToken   = "INTERLOCK_TICKET_TOKEN"
	ticketUser    = "INTERLOCK_TICKET_USER"
	ticketPass    = "INTERLOCK_TICKET_PASSWORD"
	policyVar     = "INTERLOCK_POLICY"
	entities      = "INTERLOCK_POLICY_ENTITIES"
	timezone      = "INTERLOCK_TIMEZONE"
	ticketsVar    = "INTERLOCK_TICKETS"
	dryRun        = "INTERLOCK_DRYRUN"
	language      = "INTERLOCK_LANGUAGE"
	halt          = "INTERLOCK_HALT"
	sinkURL       = "K_SINK"
	sinkOverrides = "K_CE_OVERRIDES"
	sinkCAs       = "K_CA_CERTS"
)

// Names lists every variable that Interlock reads, but for AWS's own.
func Names() []string {
	return []string{
		region, gaussdb, dbss, iam, eventGrid, gridProject, gridSource, ak, sk, securityToken, authToken, iamDomain, iamUser, iamPassword, secretID,
		ledgerVar, busVar, quiet, retention, giveUp, follow, queueURL, hookSecrets, hookOrigins, open, metrics, jiraFields,
		ticketSystem, ticketFields, ticketToken, ticketUser, ticketPass,
		policyVar, entities, timezone, ticketsVar, dryRun, language, halt,
		sinkURL, sinkOverrides, sinkCAs,
	}
}

// Read reads the variables from an environment as os.Environ gives it. Where
// INTERLOCK_LEDGER or INTERLOCK_BUS is not set, the given defaults count; an
// empty default makes it mandatory.
func Read(environ []string, ledger, bus string) (Config, error) {
	c, err := readAll(environ, ledger, bus)
	if err != nil {
		return Config{}, err
	}
	return c, c.checkCredentials()
}

// ReadWithAgency is [Read] for a host that hands over credentials with each
// invocation: none need be set, and [Config.ByAgency] says that none are.
func ReadWithAgency(environ []string) (Config, error) {
	c, err := readAll(environ, "", "")
	if err != nil {
		return Config{}, err
	}
	if c.ByAgency() {
		return c, nil
	}
	return c, c.checkCredentials()
}

func readAll(environ []string, ledger, bus string) (Config, error) {
	r, err := newReader(environ)
	if err != nil {
		return Config{}, err
	}
	c := r.config(ledger, bus)
	c.Endpoints = r.endpoints(c.Region)
	r.checkTickets(c)
	return c, r.err
}

// ByAgency tells that no credentials are set, nor where they are.
func (c Config) ByAgency() bool { return c.SecretID == "" && c.Credentials == (Credentials{}) }

func (c Config) checkCredentials() error {
	if c.SecretID != "" {
		// The rest is in the secret, and checked when that is read.
		return c.Credentials.none(secretID)
	}
	return c.Credentials.Check()
}

// ReadPolicy is [Read] for what asks the policy, and neither ledger nor cloud.
func ReadPolicy(environ []string) (Config, error) {
	r, err := newReader(environ)
	if err != nil {
		return Config{}, err
	}
	c := Config{Region: r.get(region)}
	r.policy(&c)
	return c, r.err
}

// ReadProducers is [Read] for what reads producers' messages, and nothing else.
func ReadProducers(environ []string) (producers.Reader, error) {
	r, err := newReader(environ)
	if err != nil {
		return producers.Reader{}, err
	}
	rd := r.producers()
	return rd, r.err
}

// ReadLedger is [Read] for what needs the ledger and not the cloud: neither a
// region nor credentials have to be set.
func ReadLedger(environ []string, ledger, bus string) (Config, error) {
	r, err := newReader(environ)
	if err != nil {
		return Config{}, err
	}
	c := r.config(ledger, bus)
	return c, r.err
}

func (r *reader) config(ledger, bus string) Config {
	c := Config{
		Region:         r.get(region),
		Credentials:    r.credentials(),
		SecretID:       r.get(secretID),
		Ledger:         r.place(ledgerVar, ledger, "memory:", "bolt:PATH", "dynamodb:TABLE", "postgres:URL"),
		Bus:            r.place(busVar, bus, "memory:", "eventbridge:BUS", "eventgrid:CHANNEL", "http:URL", "sink:"),
		Quiet:          r.duration(quiet, 60*time.Second),
		Retention:      r.duration(retention, 2160*time.Hour),
		GiveUp:         r.duration(giveUp, 24*time.Hour),
		Follow:         r.duration(follow, 2*time.Hour),
		QueueURL:       r.get(queueURL),
		WebhookOrigins: r.list(hookOrigins),
		Open:           r.bool(open),
		Metrics:        r.get(metrics),
		DryRun:         r.bool(dryRun),
		Halt:           r.bool(halt),
		Language:       cmp.Or(r.get(language), "en-us"),
	}
	if c.WebhooksStored = r.get(hookSecrets) == stored; !c.WebhooksStored {
		c.WebhookSecrets = r.keys(hookSecrets)
	} else if c.SecretID == "" {
		r.fail("%s: found that the keys are kept elsewhere, expected %s with it, which says where", hookSecrets, secretID)
	}
	c.Producers = r.producers()
	r.tickets(&c)
	r.policy(&c)
	switch tickets := r.get(ticketsVar); tickets {
	case "", "once":
	case "reusable":
		c.ReusableTickets = true
	default:
		r.fail("%s: found %q, expected once or reusable", ticketsVar, tickets)
	}
	if c.Language != "en-us" && c.Language != "zh-cn" {
		r.fail("%s: found %q, expected en-us or zh-cn", language, c.Language)
	}
	if c.Bus.Kind == "http" && r.absolute(busVar, c.Bus.Rest) {
		r.checkHost(busVar, c.Bus.Rest)
	}
	switch c.Bus.Kind {
	case "sink":
		c.Sink = r.sink()
	case "eventgrid":
		c.EventGrid = r.eventGrid()
	}
	if c.QueueURL != "" {
		r.absolute(queueURL, c.QueueURL)
	}
	if _, _, err := net.SplitHostPort(c.Metrics); err != nil && c.Metrics != "" {
		r.fail("%s: found %q, expected an address to listen on, as :9090 or 127.0.0.1:9090", metrics, c.Metrics)
	}
	return c
}

// Check reports credentials that are missing, incomplete, of two ways, or that
// no header can carry.
func (c Credentials) Check() error {
	ways := slices.DeleteFunc(c.ways(), func(w way) bool { return len(w.set) == 0 })
	switch {
	case len(ways) == 0:
		return fmt.Errorf("%s and %s: not set; expected one way of authenticating: these, or %s, or %s with %s and %s, or %s", ak, sk, authToken, iamUser, iamDomain, iamPassword, secretID)
	case len(ways) > 1:
		return fmt.Errorf("two ways of authenticating are set, %s and %s; expected one", ways[0], ways[1])
	case len(ways[0].missing) > 0:
		return fmt.Errorf("%s: not set; expected together with %s", strings.Join(ways[0].missing, ", "), ways[0])
	}
	for _, v := range []setting{{ak, c.AK}, {sk, c.SK}, {securityToken, c.SecurityToken}, {authToken, c.Token}} {
		if strings.ContainsFunc(string(v.value), func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("%s: found a control character, or one that is not ASCII; expected none", v.name)
		}
	}
	return nil
}

// setting is a variable and its value.
type setting struct {
	name  string
	value cloudapi.Secret
}

// way is a way of authenticating, with its variables that are set, and those
// that are needed beside them.
type way struct {
	name         string
	set, missing []string
}

func (w way) String() string { return w.name + " (" + strings.Join(w.set, ", ") + ")" }

func (c Credentials) ways() []way {
	keys := wayOf("keys", setting{ak, c.AK}, setting{sk, c.SK})
	if c.SecurityToken != "" {
		keys.set = append(keys.set, securityToken)
	}
	return []way{
		keys,
		wayOf("a token", setting{authToken, c.Token}),
		wayOf("a user", setting{iamDomain, c.Domain}, setting{iamUser, c.User}, setting{iamPassword, c.Password}),
	}
}

func wayOf(name string, needed ...setting) way {
	w := way{name: name}
	for _, v := range needed {
		if v.value == "" {
			w.missing = append(w.missing, v.name)
		} else {
			w.set = append(w.set, v.name)
		}
	}
	return w
}

// none reports credentials that are given next to the variable that says where
// they are.
func (c Credentials) none(by string) error {
	if c != (Credentials{}) {
		return fmt.Errorf("%s: two ways of authenticating are set, this and credentials of their own; expected one", by)
	}
	return nil
}

// stored, for the webhooks' keys, says that they are in the secret.
const stored = "secret:"

// KeysFromSecret reads the webhooks' keys from the values of a secret, which
// have the variables' names.
func KeysFromSecret(values map[string]string) ([]webhook.Key, error) {
	r := &reader{vars: map[string]string{hookSecrets: strings.TrimSpace(values[hookSecrets])}}
	return r.keys(hookSecrets), r.err
}

func credentials(get func(string) string) Credentials {
	s := func(name string) cloudapi.Secret { return cloudapi.Secret(get(name)) }
	return Credentials{
		AK: s(ak), SK: s(sk), SecurityToken: s(securityToken), Token: s(authToken),
		Domain: s(iamDomain), User: s(iamUser), Password: s(iamPassword),
	}
}

// Authenticator makes what signs or stamps the client's requests. The IAM
// endpoint is needed for a user only.
func (c Credentials) Authenticator(iamEndpoint string) cloudapi.Authenticator {
	switch {
	case c.Token != "":
		return cloudapi.Token(c.Token)
	case c.User != "":
		return &cloudapi.UserToken{IAM: iamEndpoint, Domain: string(c.Domain), User: string(c.User), Password: c.Password}
	default:
		return &cloudapi.AKSK{AccessKey: string(c.AK), SecretKey: c.SK, SecurityToken: c.SecurityToken}
	}
}

// reader reads variables and keeps the first error.
type reader struct {
	vars map[string]string
	err  error
}

func newReader(environ []string) (*reader, error) {
	r := &reader{vars: map[string]string{}}
	known := Names()
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "INTERLOCK_") && !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s: unknown variable; known are %s", name, strings.Join(own(known), ", "))
		}
		r.vars[name] = strings.TrimSpace(value)
	}
	return r, nil
}

func own(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, "INTERLOCK_") })
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) get(name string) string { return r.vars[name] }

func (r *reader) isSet(name string) bool {
	_, set := r.vars[name]
	return set
}

func (r *reader) credentials() Credentials { return credentials(r.get) }

func (r *reader) list(name string) (items []string) {
	for item := range strings.SplitSeq(r.get(name), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// keys reads secrets. A variable that is set but holds none does not leave the
// door open.
func (r *reader) keys(name string) []webhook.Key {
	secrets := r.list(name)
	keys, err := webhook.ParseKeys(secrets)
	switch {
	case err != nil:
		r.fail("%s: %w", name, err)
	case len(secrets) == 0 && r.isSet(name):
		r.fail("%s: found none, expected one or more, with commas between, or that the variable is not set", name)
	}
	return keys
}

func (r *reader) duration(name string, unset time.Duration) time.Duration {
	text := r.get(name)
	if text == "" {
		return unset
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.fail("%s: found %q, expected a duration above zero, as 90s or 24h", name, text)
	}
	return d
}

func (r *reader) bool(name string) bool {
	switch text := r.get(name); text {
	case "true":
		return true
	case "", "false":
	default:
		r.fail("%s: found %q, expected true or false", name, text)
	}
	return false
}

// place reads kind:rest, of one of the given forms; a form that ends in a word
// asks for a rest.
func (r *reader) place(name, unset string, forms ...string) Place {
	text := cmp.Or(r.get(name), unset)
	if text == "" {
		r.fail("%s: not set; expected %s", name, strings.Join(forms, ", "))
		return Place{}
	}
	kind, rest, found := strings.Cut(text, ":")
	for _, form := range forms {
		k, want, _ := strings.Cut(form, ":")
		if found && kind == k && (rest == "") == (want == "") {
			return Place{kind, rest}
		}
	}
	r.fail("%s: found %q, expected %s", name, shown(text), strings.Join(forms, ", "))
	return Place{}
}

// policy reads where a policy is. What is none of the places is the policy's
// text, and has a rule in it.
func (r *reader) policy(c *Config) {
	c.Policy, c.PolicyEntities, c.Timezone = r.get(policyVar), r.get(entities), time.UTC
	// One that is set but empty does not leave everything permitted.
	if r.isSet(policyVar) && !isPlace(c.Policy) && !strings.Contains(c.Policy, "permit") {
		r.fail("%s: found no rule that permits, expected file:PATH, ssm:NAME, or a policy's text", policyVar)
	}
	if c.PolicyEntities != "" && !isPlace(c.PolicyEntities) {
		r.fail("%s: found %q, expected file:PATH or ssm:NAME", entities, c.PolicyEntities)
	}
	name := cmp.Or(r.get(timezone), "UTC")
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		r.fail("%s: found %q, expected a time zone's name, as in Europe/Berlin", timezone, name)
		return
	}
	c.Timezone = zone
}

func isPlace(text string) bool {
	kind, rest, _ := strings.Cut(text, ":")
	return (kind == "file" || kind == "ssm") && rest != ""
}

// shown leaves out of a URL what may be secret in it.
func shown(text string) string {
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		text = "…" + text[i:]
	}
	text, _, _ = strings.Cut(text, "?")
	return text
}

// absolute tells whether a text is an absolute URL.
func (r *reader) absolute(name, text string) bool {
	u, err := url.Parse(text)
	ok := err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
	if !ok {
		r.fail("%s: found %q, expected an absolute URL", name, shown(text))
	}
	return ok
}

// checkHost reports a URL where what is sent could be read on its way.
func (r *reader) checkHost(name, text string) {
	u, err := url.Parse(text)
	if err == nil {
		err = cloudapi.CheckEndpoint(u.Scheme + "://" + u.Host)
	}
	if err != nil {
		r.fail("%s: %w", name, err)
	}
}

func (r *reader) endpoints(in string) cloudapi.EndpointSet {
	var e cloudapi.EndpointSet
	set := map[string]*string{gaussdb: &e.GaussDB, dbss: &e.DBSS, iam: &e.IAM, eventGrid: &e.EventGrid}
	needed := map[string]bool{gaussdb: true, dbss: true, iam: r.get(iamUser) != "", eventGrid: strings.HasPrefix(r.get(busVar), "eventgrid:")}
	missing := false
	for _, name := range []string{gaussdb, dbss, iam, eventGrid} {
		*set[name] = strings.TrimRight(r.get(name), "/")
		if *set[name] == "" {
			missing = missing || needed[name]
		} else if err := cloudapi.CheckEndpoint(*set[name]); err != nil {
			r.fail("%s: %w", name, err)
		}
	}
	if in == "" {
		if missing {
			r.fail("%s: not set; expected a Huawei Cloud region, or %s, %s and, for a user, %s, for a bus of EventGrid %s", region, gaussdb, dbss, iam, eventGrid)
		}
		return e
	}
	of, err := cloudapi.Endpoints(in)
	if err != nil {
		if missing {
			r.fail("%s: %w", region, err)
		}
		return e
	}
	e.GaussDB = cmp.Or(e.GaussDB, of.GaussDB)
	e.DBSS = cmp.Or(e.DBSS, of.DBSS)
	e.IAM = cmp.Or(e.IAM, of.IAM)
	e.EventGrid = cmp.Or(e.EventGrid, of.EventGrid)
	return e
}
