package cloudapi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// url is the operation's URL, each of its path's {parameters} filled in.
func (op *operation) url() (string, error) {
	if op.base == "" {
		return "", errors.New("the client has no base URL for this service")
	}
	var path strings.Builder
	path.WriteString(strings.TrimRight(op.base, "/"))
	var wrong []error
	next := 0
	for element := range strings.SplitSeq(op.path[1:], "/") {
		if name, is := strings.CutPrefix(element, "{"); is {
			element = op.ids[next]
			next++
			if err := checkID(strings.TrimSuffix(name, "}"), element); err != nil {
				wrong = append(wrong, err)
			}
		}
		path.WriteByte('/')
		path.WriteString(escape(element))
	}
	if len(op.query) > 0 {
		path.WriteByte('?')
		path.WriteString(canonicalQuery(op.query))
	}
	return path.String(), errors.Join(wrong...)
}

// checkID refuses what would change the path rather than fill it in.
func checkID(name, id string) error {
	if id == "" || id == "." || id == ".." {
		return fmt.Errorf("%s: found %q, expected an ID", name, id)
	}
	return nil
}

// plainID tells whether a text has the form of an ID that a service has given.
func plainID(s string) bool {
	return len(s) > 0 && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// escape writes everything but RFC 3986's unreserved characters as %XX: more
// than [url.PathEscape] does, and just what a signature is computed over.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
