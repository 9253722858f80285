package config

import (
	"cmp"
	"regexp"
)

// EventGrid is what publishing to a channel of EventGrid needs beside its ID.
type EventGrid struct {
	// Project is the ID of the project that the channel is in.
	Project string
	// Source is the name of the channel's event source under which events are
	// published.
	Source string
}

// sourceName is what EventGrid takes for the name of a custom event source
// ("Creating a Custom Event Source", CreateEventSource), if it is no longer than
// mostSourceName: a regular expression that counts is long, and every start compiles it.
var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

const mostSourceName = 128

func (r *reader) eventGrid() EventGrid {
	g := EventGrid{
		// A function on FunctionGraph is in a project itself.
		Project: cmp.Or(r.get(gridProject), r.get("RUNTIME_PROJECT_ID")),
		Source:  cmp.Or(r.get(gridSource), "interlock"),
	}
	if g.Project == "" {
		r.fail("%s: not set; expected the ID of the project that the channel is in", gridProject)
	}
	if len(g.Source) > mostSourceName || !sourceName.MatchString(g.Source) {
		r.fail("%s: found %q, expected the name of a custom event source: small letters, digits, and . _ - between", gridSource, g.Source)
	}
	return g
}
