package policy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cedar-policy/cedar-go/types"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// entities reads documents of entities in Cedar's JSON
// (docs.cedarpolicy.com/auth/entities-syntax.html), as far as the schema has
// them: with parents and tags. cedar-go reads them too, but says no place, and
// takes a misspelt member for none.
func (c *checker) entities(documents []Text) types.EntityMap {
	all := types.EntityMap{}
	for _, d := range documents {
		text := []byte(d.Text)
		list, err := jsontree.Parse(text, 64)
		switch wrong := (*jsontree.Error)(nil); {
		case errors.As(err, &wrong):
			c.problems.add(d, wrong.Offset, wrong.Reason)
			continue
		case list.Kind != jsontree.Array:
			c.problems.add(d, 0, "found "+list.Kind.String()+", expected an array of entities, as Cedar writes them in JSON")
			continue
		}
		at := 0
		for i := range list.Items {
			n := &list.Items[i]
			at += bytes.Index(text[at:], n.Raw)
			e, err := c.entity(n)
			if _, twice := all[e.UID]; err == nil && twice {
				err = fmt.Errorf("%s is there a second time", e.UID)
			}
			if err != nil {
				c.problems.add(d, at, err.Error())
			}
			all[e.UID] = e
			at += len(n.Raw)
		}
	}
	return all
}

func (c *checker) entity(n *jsontree.Node) (e types.Entity, err error) {
	for _, m := range n.Members {
		if !slices.Contains([]string{"uid", "attrs", "parents", "tags"}, m.Name) {
			return e, fmt.Errorf("found member %s, expected uid, attrs, parents and tags", strconv.Quote(m.Name))
		}
	}
	if e.UID, err = c.entityUID(n.Get("uid")); err != nil {
		return e, fmt.Errorf("uid: %w", err)
	}
	if attrs := n.Get("attrs"); !attrs.Is(jsontree.Object) || len(attrs.Members) > 0 {
		return e, fmt.Errorf("%s: attrs: expected an object without members", e.UID)
	}
	if e.Parents, err = c.parents(e.UID.Type, n.Get("parents")); err != nil {
		return e, fmt.Errorf("%s: parents: %w", e.UID, err)
	}
	if e.Tags, err = c.tags(e.UID.Type, n.Get("tags")); err != nil {
		return e, fmt.Errorf("%s: tags: %w", e.UID, err)
	}
	return e, nil
}

// entityUID reads {"type": …, "id": …}, which may be in an object's __entity. The
// name of a person gets the form in which it is compared.
func (c *checker) entityUID(n *jsontree.Node) (uid types.EntityUID, err error) {
	if in := n.Get("__entity"); in != nil {
		n = in
	}
	kind, id := n.Get("type"), n.Get("id")
	if !kind.Is(jsontree.String) || !id.Is(jsontree.String) || len(n.Members) != 2 {
		return uid, errors.New(`expected as in {"type": "User", "id": "…"}`)
	}
	uid = types.NewEntityUID(types.EntityType(kind.Text), types.String(id.Text))
	if _, known := c.schema.Entities[uid.Type]; !known {
		return uid, fmt.Errorf("found type %s, which there is not", strconv.Quote(kind.Text))
	}
	if uid.Type == "User" {
		uid.ID = types.String(c.normalise(id.Text))
	}
	return uid, nil
}

func (c *checker) parents(of types.EntityType, n *jsontree.Node) (set types.EntityUIDSet, err error) {
	if !n.Is(jsontree.Array) {
		return set, errors.New("expected an array")
	}
	uids := make([]types.EntityUID, len(n.Items))
	for i := range n.Items {
		if uids[i], err = c.entityUID(&n.Items[i]); err != nil {
			return set, err
		}
		if in := c.schema.Entities[of].ParentTypes; !slices.Contains(in, uids[i].Type) {
			return set, fmt.Errorf("found %s, expected one of %v", uids[i], in)
		}
	}
	return types.NewEntityUIDSet(uids...), nil
}

func (c *checker) tags(of types.EntityType, n *jsontree.Node) (tags types.Record, err error) {
	if n == nil {
		return tags, nil
	}
	if c.schema.Entities[of].Tags == nil || n.Kind != jsontree.Object {
		return tags, errors.New("expected none, or an object where the type has tags")
	}
	all := types.RecordMap{}
	for _, m := range n.Members {
		if m.Value.Kind != jsontree.String {
			return tags, fmt.Errorf("%s: found %s, expected string", m.Name, m.Value.Kind)
		}
		all[types.String(m.Name)] = types.String(m.Value.Text)
	}
	return types.NewRecord(all), nil
}
