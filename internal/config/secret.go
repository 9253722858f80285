package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Secret is what the secret that INTERLOCK_SECRET_ID names holds.
type Secret struct {
	// Values are its texts, by the variables' names.
	Values map[string]string
	// Projects are the texts of its members that are objects, each named as the
	// project whose credentials it holds.
	Projects map[string]map[string]string
}

// Account is what lets us into one account of the cloud. Err says what is wrong
// with it; the others count all the same.
type Account struct {
	Credentials Credentials
	Err         error
}

// ParseSecret reads a secret's text, a JSON object. Members that are neither are
// left alone. Credentials under a name that no project can have are an error:
// what was meant for one project would be called as another account. No error
// quotes a value.
func ParseSecret(text string) (Secret, error) {
	var members map[string]any
	if json.Unmarshal([]byte(text), &members) != nil || members == nil {
		return Secret{}, errors.New("expected a JSON object") // that of encoding/json would quote
	}
	s := Secret{Values: texts(members), Projects: map[string]map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		object, is := members[name].(map[string]any)
		if !is {
			continue
		}
		values := texts(object)
		switch {
		case isProject(name):
			s.Projects[name] = values
		case fromValues(values) != Credentials{}:
			return Secret{}, fmt.Errorf("member %.64q: found credentials, expected the id of their project as its name: 32 to 64 letters, digits, hyphens and underscores", name)
		}
	}
	return s, nil
}

// Accounts are the accounts by project; that of "" is for every project which has
// none of its own, and lacks where the secret has projects alone.
func (s Secret) Accounts() map[string]Account {
	all := make(map[string]Account, len(s.Projects)+1)
	for project, values := range s.Projects {
		c := fromValues(values)
		err := c.Check()
		if err != nil {
			err = fmt.Errorf("project %s: %w", project, err)
		}
		all[project] = Account{c, err}
	}
	if c := fromValues(s.Values); c != (Credentials{}) || len(all) == 0 {
		all[""] = Account{c, c.Check()}
	}
	return all
}

func fromValues(values map[string]string) Credentials {
	return credentials(func(name string) string { return strings.TrimSpace(values[name]) })
}

func texts(members map[string]any) map[string]string {
	all := make(map[string]string, len(members))
	for name, v := range members {
		if text, is := v.(string); is {
			all[name] = text
		}
	}
	return all
}

// isProject tells whether a text has the form of a project's id, as any of the
// services has it.
func isProject(name string) bool {
	return len(name) >= 32 && len(name) <= 64 && strings.IndexFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}
