package events

import "embed"

// Schemas holds the JSON Schema (2020-12) of each type's data, as
// schemas/<type>.json, and that of the attributes around it as envelope.json. A
// data schema's $id is the type's [DataSchema].
//
//go:embed schemas/*.json envelope.json
var Schemas embed.FS

// Samples holds valid events, as samples/*.json, structured CloudEvents all of
// them; and what makes them invalid (or whole events) with the error that each
// must give, as samples/invalid/*.json.
//
//go:embed samples/*.json samples/invalid/*.json
var Samples embed.FS

// Types are all types, those that Interlock takes in first.
func Types() []string {
	return []string{
		TypeTicketApproved, TypeTagChanged, TypeSwitchRequested,
		TypeSwitchCompleted, TypeSwitchRejected, TypeSwitchFailed, TypeJobSucceeded, TypeJobFailed, TypeJobUnknown,
		TypeChainSucceeded, TypeChainFailed,
	}
}
