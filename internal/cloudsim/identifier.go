package cloudsim

import "strings"

// Kinds of identifiers are counted apart, so that a job's does not depend on
// how many requests came before it.
const (
	requestID = iota
	jobID
	tokenID
)

const hexDigits = "0123456789abcdef"

// nextID returns an identifier shaped as a UUID (version 4).
func (c *Cloud) nextID(kind int) string {
	c.ids[kind]++
	high := mix(c.Seed ^ mix(uint64(kind)+1) ^ c.ids[kind])
	low := mix(high ^ c.ids[kind])
	const form = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx"
	id := make([]byte, len(form))
	for i := range len(form) {
		id[i] = form[i]
		if form[i] == 'x' {
			id[i] = hexDigits[high&0xf]
			high = high>>4 | low<<60
			low >>= 4
		}
	}
	return string(id)
}

// mix is the finaliser of splitmix64: every input bit reaches every output bit.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// malformed says which of a path's identifiers the API pages do not allow, and
// what they ask for; "" if none.
func (op *Operation) malformed(t Target) string {
	if op.Service == DBSS {
		switch {
		case !alphanumeric(t.ProjectID, 32, 64):
			return "project_id must have 32 to 64 characters"
		case !alphanumeric(strings.ReplaceAll(t.InstanceID, "-", "0"), 32, 64):
			return "instance_id must have 32 to 64 characters"
		}
		return ""
	}
	switch {
	case !alphanumeric(t.ProjectID, 32, 32):
		return "project_id must have 32 letters and digits"
	case strings.Contains(op.Path, "{instance}") && (!alphanumeric(t.InstanceID, 36, 36) || !strings.HasSuffix(t.InstanceID, "in07")):
		return "instance_id must have 36 letters and digits and end with in07"
	case strings.Contains(op.Path, "{proxy}") && (!alphanumeric(t.ProxyID, 36, 36) || !strings.HasSuffix(t.ProxyID, "po01")):
		return "proxy_id must have 36 letters and digits and end with po01"
	}
	return ""
}

func alphanumeric(s string, least, most int) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return least <= len(s) && len(s) <= most
}
