package policy

import "github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

// ResolvedSchema is the schema that a policy is checked against.
func ResolvedSchema(o Options) (*resolved.Schema, error) {
	c, err := newChecker(o, nil)
	if err != nil {
		return nil, err
	}
	err = c.resolve(o.Switches)
	return c.schema, err
}
