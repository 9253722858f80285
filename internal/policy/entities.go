package policy

import (
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go/types"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// entities reads documents of entities in Cedar's JSON, checks them against the
// schema, and brings the names of people to the form in which they are compared.
func (c *checker) entities(documents []Text) types.EntityMap {
	all := types.EntityMap{}
	for _, d := range documents {
		// Cedar takes members of any name, and says no place.
		if _, err := jsontree.Parse([]byte(d.Text), 64); err != nil {
			wrong := new(jsontree.Error)
			errors.As(err, &wrong)
			c.problems.add(d, wrong.Offset, wrong.Reason)
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(d.Text), &list); err != nil {
			c.problems.add(d, 0, "expected an array of entities, as Cedar writes them in JSON")
			continue
		}
		at := 0
		for _, raw := range list {
			at += strings.Index(d.Text[at:], string(raw))
			c.entity(d, at, raw, all)
			at += len(raw)
		}
	}
	return all
}

func (c *checker) entity(d Text, at int, raw []byte, all types.EntityMap) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) == nil {
		maps.DeleteFunc(members, func(name string, _ json.RawMessage) bool {
			return name == "uid" || name == "attrs" || name == "parents" || name == "tags"
		})
		for name := range members {
			c.problems.add(d, at, "member "+strconv.Quote(name)+": expected uid, attrs, parents and tags")
		}
	}
	var e types.Entity
	if err := e.UnmarshalJSON(raw); err != nil {
		c.problems.add(d, at, err.Error())
		return
	}
	if err := c.validator.Entity(e); err != nil {
		c.problems.add(d, at, e.UID.String()+": "+err.Error())
		return
	}
	if e.UID.Type == "User" {
		e.UID.ID = types.String(c.normalise(string(e.UID.ID)))
	}
	if _, twice := all[e.UID]; twice {
		c.problems.add(d, at, e.UID.String()+" is there a second time")
	}
	all[e.UID] = e
}
