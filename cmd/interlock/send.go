package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// sending is what the flags of send say.
type sending struct {
	url, file  string
	from       string
	target     events.Target
	ticket     events.Ticket
	options    []string
	then       []string
	onFailure  string
	id         string
	start, end string
	bound      bool
	show, dry  bool
	json, aws  bool
}

func sendCommand() *cobra.Command {
	var s sending
	var names []string
	for _, sw := range functions.All() {
		names = append(names, sw.Name)
	}
	c := &cobra.Command{
		Use:   "send {SWITCH on|off | --file FILE}",
		Short: "Build an event, post it to a function, show the answer",
		Long: `Send builds a valid CloudEvent from its flags, or takes one from a file, posts
it to a function and shows the answer. With --ticket it is an approved ticket,
otherwise an ad hoc request. With --from the file holds a message as a producer
sends it, which is mapped to an event first; the producers are ` + strings.Join(producers.Names(), ", ") + `.

The address is that of a local program, to which /functions/<name> is added, or
a function's own URL. The switches are ` + strings.Join(names, ", ") + `.

With --then it asks for a chain: what --then names follows once what is before
it has taken effect, as in --then "multi-tenancy on". After that may stand ids of
its target, as project, instance, proxy or database, and options, each as
NAME=VALUE without blanks; what is not named is as in the step before.

Where INTERLOCK_WEBHOOK_SECRETS is set, the event is signed with the first key.
` + awsHelp + `

Exit code: 0 for an answer 2xx, 1 otherwise.`,
		Example: `  interlock send proxy-ssl on --project 056538411200d4cd2f79c003c7606412 \
      --instance 096c0fc43e804757b59946b80dc27f8bin07 --proxy 2ec617ba62da4eafb921b69438beed3cpo01 \
      --ticket CHG0031337 --requested-by requester@example.com --approved-by approver@example.com
  interlock send proxy-alt on --project 056538411200d4cd2f79c003c7606412 \
      --instance 096c0fc43e804757b59946b80dc27f8bin07 --proxy 2ec617ba62da4eafb921b69438beed3cpo01 \
      --then "proxy-ssl on" --then "access-control on" --on-failure undo
  interlock send --file functions/proxyssl/sample.json`,
		Args:      cobra.MaximumNArgs(2),
		ValidArgs: append(slices.Clone(names), "on", "off"),
		RunE:      func(cmd *cobra.Command, args []string) error { return s.run(cmd, args) },
	}
	f := c.Flags()
	f.StringVar(&s.url, "url", "http://"+defaultAddr, "address of the local program, or a function's URL")
	awsFlag(c, &s.aws)
	f.StringVar(&s.file, "file", "", "file with a structured CloudEvent; - is standard input")
	f.StringVar(&s.from, "from", "", "the producer whose message the file holds")
	f.StringVar(&s.id, "id", "", "the event's id (default random)")
	f.StringVar(&s.target.Region, "region", "", "region of the target")
	f.StringVar(&s.target.ProjectID, "project", "", "project_id of the target")
	f.StringVar(&s.target.InstanceID, "instance", "", "instance_id of the target")
	f.StringVar(&s.target.ProxyID, "proxy", "", "proxy_id of the target")
	f.StringVar(&s.target.DatabaseID, "database", "", "database_id of the target")
	f.StringArrayVar(&s.options, "option", nil, "option of the switch as NAME=VALUE, VALUE in JSON; may be repeated")
	f.StringArrayVar(&s.then, "then", nil, "the next step of a chain, as \"SWITCH on|off [NAME=VALUE…]\"; may be repeated")
	f.StringVar(&s.onFailure, "on-failure", "", "what is done where a step fails: stop (default) or undo")
	f.StringVar(&s.ticket.ID, "ticket", "", "id of the approved ticket")
	f.StringVar(&s.ticket.RequestedBy, "requested-by", "", "who requested the ticket")
	f.StringSliceVar(&s.ticket.ApprovedBy, "approved-by", nil, "who approved the ticket; may be repeated")
	f.StringVar(&s.start, "window-start", "", "start of the ticket's window, RFC 3339")
	f.StringVar(&s.end, "window-end", "", "end of the ticket's window, RFC 3339")
	f.BoolVar(&s.bound, "digest", false, "bind the ticket to what is asked: with the digest that interlock digest prints of it")
	f.BoolVar(&s.dry, "dry-run", false, "ask what would be called and what would change, and for nothing to be done")
	f.BoolVar(&s.show, "show", false, "show the event and do not post it")
	jsonFlag(c, &s.json, "a line of JSON: status and answer, or the event where it is only shown")
	c.MarkFlagsMutuallyExclusive("file", "id")
	c.MarkFlagsMutuallyExclusive("file", "ticket")
	c.MarkFlagsMutuallyExclusive("file", "then")
	c.MarkFlagsMutuallyExclusive("file", "on-failure")
	return c
}

func (s *sending) run(cmd *cobra.Command, args []string) error {
	ev, err := s.event(cmd.InOrStdin(), args)
	if err != nil {
		return err
	}
	if s.dry {
		ev.SetExtension("dryrun", true)
	}
	body, err := cloudevent.EncodeJSON(ev)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	switch {
	case s.show && s.json:
		return sayJSON(out, json.RawMessage(body))
	case s.show:
		return indented(out, body)
	}
	url, err := s.address(&ev)
	if err != nil {
		return err
	}
	c := &courier{at: s.url, aws: s.aws}
	d, err := c.deliver(cmd.Context(), url, ev.ID(), body)
	if err != nil {
		return err
	}
	if err := d.show(out, s.json); err != nil {
		return err
	}
	return d.refused()
}

func indented(w io.Writer, text []byte) error {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		b.Reset()
		b.Write(text)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, printableText(b.String()))
	return err
}

// event builds the event, or reads it from the file.
func (s *sending) event(stdin io.Reader, args []string) (event.Event, error) {
	if err := s.ticketless(); err != nil {
		return event.Event{}, err
	}
	if s.file != "" {
		if len(args) > 0 {
			return event.Event{}, fmt.Errorf("%q: expected no arguments with --file", args[0])
		}
		return s.read(stdin)
	}
	if s.from != "" {
		return event.Event{}, fmt.Errorf("--from: expected --file with it")
	}
	if len(args) != 2 || args[1] != "on" && args[1] != "off" {
		return event.Event{}, fmt.Errorf("found %s, expected SWITCH on|off, or --file FILE", shown(args))
	}
	sw, err := switchNamed(args[0])
	if err != nil {
		return event.Event{}, err
	}
	options, err := parseOptions(s.options)
	if err != nil {
		return event.Event{}, fmt.Errorf("--option: %w", err)
	}
	then, err := s.steps(sw)
	if err != nil {
		return event.Event{}, err
	}
	asked := events.SwitchRequested{
		Switch: sw.Name, Enabled: new(args[1] == "on"), Target: &s.target, Options: options, Then: then, OnFailure: events.OnFailure(s.onFailure),
	}
	var ev event.Event
	if now := time.Now(); s.ticket.ID == "" {
		ev, err = requested(asked, now)
	} else {
		if s.ticket.Window, err = s.window(); err != nil {
			return ev, err
		}
		ticket := func() (event.Event, error) {
			return approved(events.TicketApproved{
				Switch: asked.Switch, Enabled: asked.Enabled, Target: asked.Target, Options: options, Ticket: &s.ticket, Then: then, OnFailure: asked.OnFailure,
			}, now)
		}
		ev, err = ticket()
		if err == nil && s.bound {
			if s.ticket.Digest, err = digest.Of(ev.Data()); err == nil {
				ev, err = ticket()
			}
		}
	}
	if err != nil {
		return ev, err
	}
	if s.id != "" {
		ev.SetID(s.id)
	}
	return ev, s.check(sw.Name, ev)
}

// ticketless names the flags of a ticket that are given without one: without
// its id, approval and window would count for nothing.
func (s *sending) ticketless() error {
	var given []string
	for flag, set := range map[string]bool{
		"--requested-by": s.ticket.RequestedBy != "", "--approved-by": len(s.ticket.ApprovedBy) > 0,
		"--window-start": s.start != "", "--window-end": s.end != "", "--digest": s.bound,
	} {
		if set {
			given = append(given, flag)
		}
	}
	if s.ticket.ID != "" || len(given) == 0 {
		return nil
	}
	slices.Sort(given)
	return fmt.Errorf("%s: expected --ticket with it", strings.Join(given, ", "))
}

// check names what a function would find wrong with an event.
func (s *sending) check(name string, ev event.Event) error {
	d, err := newDecoder()
	if err != nil {
		return err
	}
	if _, _, invalid := d.Decode(name, ev); invalid != nil {
		return s.flagged(invalid)
	}
	return nil
}

// newDecoder knows every switch, in any region.
func newDecoder() (*decision.Decoder, error) {
	var specs []decision.Spec
	for _, sw := range functions.All() {
		specs = append(specs, sw.Spec)
	}
	return decision.New(specs, "")
}

func shown(args []string) string {
	if len(args) == 0 {
		return "nothing"
	}
	return strconv.Quote(strings.Join(args, " "))
}

func (s *sending) read(stdin io.Reader) (event.Event, error) {
	text, err := readFile(stdin, s.file)
	if err != nil {
		return event.Event{}, err
	}
	var ev event.Event
	if s.from == "" {
		ev, err = cloudevent.DecodeJSON(text)
	} else {
		var p producers.Reader
		if p, err = config.ReadProducers(os.Environ()); err != nil {
			return ev, err
		}
		ev, err = p.DecodeFrom(s.from, text)
	}
	switch {
	case err != nil:
		return ev, fmt.Errorf("%s: %w", s.file, err)
	case s.from != "" && !s.show && len(ev.Data()) == 0:
		return ev, fmt.Errorf("%s: the message of %s asks for nothing", s.file, s.from)
	}
	return ev, nil
}

func parseOptions(given []string) (map[string]any, error) {
	var options map[string]any
	for _, o := range given {
		name, value, ok := strings.Cut(o, "=")
		var v any
		if !ok || json.Unmarshal([]byte(value), &v) != nil {
			return nil, fmt.Errorf("found %q, expected NAME=VALUE with VALUE in JSON, as alt_for_readonly=true", o)
		}
		if options == nil {
			options = map[string]any{}
		}
		options[name] = v
	}
	return options, nil
}

func (s *sending) window() (*events.Window, error) {
	if s.start == "" && s.end == "" {
		return nil, nil
	}
	w := new(events.Window)
	for _, part := range []struct {
		flag, text string
		into       **time.Time
	}{{"--window-start", s.start, &w.Start}, {"--window-end", s.end, &w.End}} {
		if part.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, part.text)
		if err != nil {
			return nil, fmt.Errorf("%s: found %q, expected a time as 2026-11-22T09:00:00Z", part.flag, part.text)
		}
		*part.into = &at
	}
	return w, nil
}

// address is where an event goes: a local program's function by the event's
// switch, or the URL as it is.
func (s *sending) address(ev *event.Event) (string, error) {
	base, whole, err := addressed(s.url)
	if err != nil || whole {
		return base, err
	}
	name, err := switchOf(ev)
	if err != nil {
		return "", err
	}
	sw, err := switchNamed(name)
	if err != nil {
		return "", err
	}
	return base + "/functions/" + sw.Function, nil
}

// addressed tells a function's whole URL from the address of a local program.
func addressed(url string) (base string, whole bool, err error) {
	base = strings.TrimRight(url, "/")
	_, rest, ok := strings.Cut(base, "://")
	if !ok {
		return "", false, fmt.Errorf("--url: found %q, expected http:// or https://", url)
	}
	host, path, _ := strings.Cut(rest, "/")
	return base, path != "" || strings.HasSuffix(host, ".on.aws"), nil
}

// switchOf reads which switch an event is about.
func switchOf(ev *event.Event) (string, error) {
	var data struct {
		Switch  string             `json:"switch"`
		Changes []events.TagChange `json:"changes"`
	}
	if err := json.Unmarshal(ev.Data(), &data); err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	for _, c := range data.Changes {
		if name, ok := strings.CutPrefix(c.Key, events.TagPrefix); ok {
			return name, nil
		}
	}
	if data.Switch == "" {
		return "", fmt.Errorf("the event names no switch; give the function's whole URL with --url")
	}
	return data.Switch, nil
}

func switchNamed(name string) (huawei.Switch, error) {
	var known []string
	for _, sw := range functions.All() {
		if sw.Name == name || sw.Function == name {
			return sw, nil
		}
		known = append(known, sw.Name)
	}
	return huawei.Switch{}, fmt.Errorf("switch %q: not known; expected %s", name, strings.Join(known, ", "))
}
