package config

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
)

// aws are the variables of AWS's that Interlock's clients of it read.
var aws = []string{
	"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL",
	"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_EVENTBRIDGE", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM",
}

// secrets are the variables whose values nobody else may read.
var secrets = []string{
	sk, securityToken, authToken, iamPassword, hookSecrets, ticketToken, ticketPass, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
}

// maxFile is more than all variables hold together: a policy's text is the longest.
const maxFile = 1 << 20

// ReadFile reads variables from a file, in the form of an environment. It is lines
// of NAME=VALUE with the names of variables, as systemd and Docker read them too;
// a value may stand in quotes, and lines that are empty or begin with # say
// nothing. A file that others could have written is refused, and one that holds a
// secret if others can read it. No error has a value in it.
func ReadFile(path string) (environ []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s: found more than %d bytes, expected lines of NAME=VALUE", path, maxFile)
	}
	environ, err = parseFile(path, string(text))
	if err != nil {
		return nil, err
	}
	return environ, trusted(path, info, environ)
}

func parseFile(path, text string) (environ []string, err error) {
	var seen []string
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		switch {
		case !found:
			return nil, fmt.Errorf("%s:%d: found no =, expected NAME=VALUE", path, i+1)
		case !slices.Contains(Names(), name) && !slices.Contains(aws, name):
			return nil, fmt.Errorf("%s:%d: %q: unknown name; known are %s, and of AWS %s", path, i+1, name, strings.Join(Names(), ", "), strings.Join(aws, ", "))
		case slices.Contains(seen, name):
			return nil, fmt.Errorf("%s:%d: %s: found for the second time, expected once", path, i+1, name)
		}
		seen = append(seen, name)
		environ = append(environ, name+"="+unquoted(strings.TrimSpace(value)))
	}
	return environ, nil
}

// unquoted takes one pair of quotes away.
func unquoted(s string) string {
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}

// trusted reports a file that others could have written, or could read although
// there is a secret in it. Root may do either in any case, and gives a file to a
// group where a container is to read it.
func trusted(path string, info os.FileInfo, environ []string) error {
	mode := info.Mode().Perm()
	owner, known := Owner(info)
	if !known {
		return nil // on Windows, where lists say who may do what, and modes do not
	}
	root := owner == 0
	switch {
	case !root && owner != os.Geteuid():
		return fmt.Errorf("%s: found a file of the user %d, expected one of one's own, or of root", path, owner)
	case mode&0o022 != 0:
		return fmt.Errorf("%s: found mode %s, expected a file that only its user can write: chmod go-w", path, mode)
	case mode&0o004 == 0 && (mode&0o040 == 0 || root):
		return nil
	}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if secret(name, value) {
			return fmt.Errorf("%s: found %s, and mode %s; expected that only its user can read a file with a secret in it: chmod 600", path, name, mode)
		}
	}
	return nil
}

// secret tells whether nobody else may see a value.
func secret(name, value string) bool {
	switch {
	case value == "" || value == stored:
		return false
	case slices.Contains(secrets, name):
		return true
	case name == ledgerVar || name == busVar: // their URLs may hold a password
		at := value
		if _, rest, found := strings.Cut(value, ":"); found && !strings.HasPrefix(rest, "//") {
			at = rest
		}
		u, err := url.Parse(at)
		return err != nil || u.User != nil && u.User.String() != u.User.Username() || u.Query().Has("password")
	}
	return false
}
