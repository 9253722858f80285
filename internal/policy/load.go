package policy

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Places are where a policy and its entities are.
type Places struct {
	// Policy is file:PATH, ssm:NAME or the text itself; "" is [Default].
	// Entities is file:PATH or ssm:NAME; "" is none.
	//
	// A parameter of Systems Manager holds 4 KB, or 8 KB in its advanced tier:
	// what is longer is in several, ssm:NAME,NAME, which are read as one.
	Policy, Entities string
	// Dir is what a PATH is relative to: on Lambda LAMBDA_TASK_ROOT, where the
	// files that are packed beside the bootstrap lie. Default: the working
	// directory.
	Dir string
	// Parameter reads a parameter of Systems Manager.
	Parameter func(ctx context.Context, name string) (string, error)
}

// Names of the variables that [Places] come from, with which errors begin.
const (
	policyVar   = "INTERLOCK_POLICY"
	entitiesVar = "INTERLOCK_POLICY_ENTITIES"
)

// Load reads a policy from where it is, and makes it by the other options. All
// of it is read at once. The error is one line that begins with the variable.
func Load(ctx context.Context, at Places, o Options) (*Policy, error) {
	var errs [2]error
	var wait sync.WaitGroup
	wait.Go(func() { o.Policies, errs[0] = at.texts(ctx, policyVar, at.Policy) })
	wait.Go(func() { o.Entities, errs[1] = at.texts(ctx, entitiesVar, at.Entities) })
	wait.Wait()
	if err := cmp.Or(errs[:]...); err != nil {
		return nil, err
	}
	if at.Policy == "" {
		o.Policies = []Text{{policyVar, Default}}
	}
	return New(o)
}

// texts reads the documents of a variable.
func (at Places) texts(ctx context.Context, variable, place string) ([]Text, error) {
	kind, rest, _ := strings.Cut(place, ":")
	switch {
	case place == "":
		return nil, nil
	case kind == "file":
		name := rest
		if !filepath.IsAbs(name) {
			name = filepath.Join(at.Dir, name)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", variable, err)
		}
		return []Text{{variable + ": " + rest, string(text)}}, nil
	case kind == "ssm":
		return at.parameters(ctx, variable, strings.Split(rest, ","))
	}
	return []Text{{variable, place}}, nil
}

func (at Places) parameters(ctx context.Context, variable string, names []string) ([]Text, error) {
	if at.Parameter == nil {
		return nil, fmt.Errorf("%s: ssm:%s cannot be read here", variable, strings.Join(names, ","))
	}
	texts, errs := make([]Text, len(names)), make([]error, len(names))
	var wait sync.WaitGroup
	for i, name := range names {
		name = strings.TrimSpace(name)
		wait.Go(func() {
			texts[i].Name = variable + ": ssm:" + name
			texts[i].Text, errs[i] = at.Parameter(ctx, name)
			if errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", texts[i].Name, errs[i])
			}
		})
	}
	wait.Wait()
	return texts, cmp.Or(errs...)
}
