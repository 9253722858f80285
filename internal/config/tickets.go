package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/internal/ticketsystem"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// producers reads which of an issue's fields are ours.
func (r *reader) producers() (rd producers.Reader) {
	names := map[string]*string{"words": &rd.JiraWords, "approvals": &rd.JiraApprovals}
	for _, item := range r.list(jiraFields) {
		name, id, _ := strings.Cut(item, "=")
		field := names[name]
		// Jira names the fields of a site's own by a number.
		number, custom := strings.CutPrefix(id, "customfield_")
		if field == nil || *field != "" || !custom || number == "" || strings.Trim(number, "0123456789") != "" {
			r.fail("%s: found %.64q, expected words=customfield_… and approvals=customfield_…, each once", jiraFields, item)
			return rd
		}
		*field = id
	}
	if (rd.JiraWords == "") != (rd.JiraApprovals == "") {
		r.fail("%s: found %.64q, expected both words=customfield_… and approvals=customfield_…", jiraFields, r.get(jiraFields))
	}
	return rd
}

// tickets reads where tickets are asked for, if anywhere.
func (r *reader) tickets(c *Config) {
	c.TicketCredentials = ticketCredentials(r.get)
	if r.get(ticketSystem) == "" {
		for _, name := range []string{ticketFields, ticketToken, ticketUser, ticketPass} {
			if r.get(name) != "" {
				r.fail("%s: found a value, expected none without %s", name, ticketSystem)
			}
		}
		return
	}
	var forms []string
	for _, kind := range ticketsystem.Kinds() {
		forms = append(forms, kind+":https://HOST")
	}
	c.TicketSystem = r.place(ticketSystem, "", forms...)
	c.TicketSystem.Rest = strings.TrimRight(c.TicketSystem.Rest, "/")
	if r.err != nil {
		return
	}
	if err := cloudapi.CheckEndpoint(c.TicketSystem.Rest); err != nil {
		r.fail("%s: %w", ticketSystem, err)
	}
	var err error
	if c.TicketFields, err = ticketsystem.ParseFields(c.TicketSystem.Kind, r.get(ticketFields)); err != nil {
		r.fail("%s: %w", ticketFields, err)
	}
}

// checkTickets reports a ticket system that would be asked by nobody. With a
// secret, its credentials may be there.
func (r *reader) checkTickets(c Config) {
	if c.TicketSystem.Kind == "" || c.SecretID != "" && c.TicketCredentials == (ticketsystem.Credentials{}) {
		return
	}
	if err := checkTicketCredentials(c.TicketCredentials); err != nil {
		r.fail("%w", err)
	}
}

// TicketsFromSecret reads the ticket system's credentials from the values of a
// secret, which have the variables' names.
func TicketsFromSecret(values map[string]string) (ticketsystem.Credentials, error) {
	c := ticketCredentials(func(name string) string { return strings.TrimSpace(values[name]) })
	return c, checkTicketCredentials(c)
}

func ticketCredentials(get func(string) string) ticketsystem.Credentials {
	s := func(name string) cloudapi.Secret { return cloudapi.Secret(get(name)) }
	return ticketsystem.Credentials{Token: s(ticketToken), User: s(ticketUser), Password: s(ticketPass)}
}

func checkTicketCredentials(c ticketsystem.Credentials) error {
	ways := slices.DeleteFunc([]way{
		wayOf("a token", setting{ticketToken, c.Token}),
		wayOf("a user", setting{ticketUser, c.User}, setting{ticketPass, c.Password}),
	}, func(w way) bool { return len(w.set) == 0 })
	switch {
	case len(ways) == 0:
		return fmt.Errorf("%s: not set; expected it, or %s with %s, for %s", ticketToken, ticketUser, ticketPass, ticketSystem)
	case len(ways) > 1:
		return fmt.Errorf("two ways of authenticating are set for %s, %s and %s; expected one", ticketSystem, ways[0], ways[1])
	case len(ways[0].missing) > 0:
		return fmt.Errorf("%s: not set; expected together with %s", strings.Join(ways[0].missing, ", "), ways[0])
	case strings.ContainsFunc(string(c.Token), func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%s: found a blank, a control character, or one that is not ASCII; expected none", ticketToken)
	case strings.Contains(string(c.User), ":"):
		return fmt.Errorf("%s: found a colon, expected none", ticketUser)
	}
	return nil
}
