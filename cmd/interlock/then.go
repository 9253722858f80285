package main

import (
	"fmt"
	"strings"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// steps are what the flags --then ask for after a first switch. The ids of each
// add to those of all before it; a target that is that of the step before is
// left out.
func (s *sending) steps(first huawei.Switch) (steps []events.Step, err error) {
	at, before := s.target, first.Kind
	for _, text := range s.then {
		words := strings.Fields(text)
		if len(words) < 2 || words[1] != "on" && words[1] != "off" {
			return nil, fmt.Errorf("--then: found %q, expected SWITCH on|off, and after it ids and options as NAME=VALUE", text)
		}
		sw, err := switchNamed(words[0])
		if err != nil {
			return nil, fmt.Errorf("--then: %w", err)
		}
		step := events.Step{Switch: sw.Name, Enabled: new(words[1] == "on")}
		given, options := moved(&at, words[2:])
		if len(given) > 0 || sw.Kind != before {
			step.Target = new(used(at, sw, given))
		}
		if step.Options, err = parseOptions(options); err != nil {
			return nil, fmt.Errorf("--then %q: %w", text, err)
		}
		steps, before = append(steps, step), sw.Kind
	}
	return steps, nil
}

// moved puts the ids among the words into a target, and returns what is left:
// the options.
func moved(at *events.Target, words []string) (given map[string]string, options []string) {
	ids := map[string]*string{
		"region": &at.Region, "project": &at.ProjectID, "instance": &at.InstanceID, "proxy": &at.ProxyID, "database": &at.DatabaseID,
	}
	given = map[string]string{}
	for _, word := range words {
		if name, value, _ := strings.Cut(word, "="); ids[name] != nil {
			given[name] = value
		} else {
			options = append(options, word)
		}
	}
	if given["project"]+given["instance"] != "" {
		at.ProxyID, at.DatabaseID = "", "" // those of another instance
	}
	for name, value := range given {
		*ids[name] = value
	}
	return given, options
}

// used is a target less the ids that a switch does not use, but for those that
// were given for it.
func used(t events.Target, sw huawei.Switch, given map[string]string) events.Target {
	if _, ok := given["proxy"]; !ok && sw.Kind != huawei.OnProxy {
		t.ProxyID = ""
	}
	if _, ok := given["database"]; !ok && sw.Kind != huawei.OnDatabase {
		t.DatabaseID = ""
	}
	return t
}

// flagged names the flags of a chain where it is their fields that are wrong.
func (s *sending) flagged(in *decision.Invalid) *decision.Invalid {
	for i := range in.Fields {
		path := &in.Fields[i].Path
		switch *path {
		case "data.then":
			*path = "--then"
		case "data.on_failure":
			*path = "--on-failure"
		}
		for n, text := range s.then {
			if of, ok := strings.CutPrefix(*path, fmt.Sprintf("data.then[%d]", n)); ok {
				*path = fmt.Sprintf("--then %q: %s", text, strings.TrimPrefix(of, "."))
			}
		}
	}
	return in
}
