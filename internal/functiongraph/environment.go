package functiongraph

import (
	"encoding/json"
	"errors"
	"strings"
)

// environment is variables as os.Environ gives them.
type environment []string

// variables are those of the process, and those that the function's settings name,
// which FunctionGraph hands over as one JSON object; the process's own count where
// both are there.
func variables(environ []string) (environment, error) {
	vars := environment(environ)
	text := vars.get("RUNTIME_USERDATA")
	if text == "" {
		return vars, nil
	}
	var settings map[string]string
	if json.Unmarshal([]byte(text), &settings) != nil {
		// What it holds may be secret.
		return nil, errors.New("RUNTIME_USERDATA: expected a JSON object of texts, which the function's environment variables are")
	}
	var all environment
	for name, value := range settings {
		all = append(all, name+"="+value)
	}
	return append(all, vars...), nil
}

// get is the value of a variable, "" where it is not set. Of several the last
// counts.
func (e environment) get(name string) (value string) {
	for _, v := range e {
		if text, found := strings.CutPrefix(v, name+"="); found {
			value = text
		}
	}
	return value
}
