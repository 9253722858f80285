package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Key is a secret that sender and receiver share. Printed or logged, it shows
// itself as "key".
type Key struct {
	bytes []byte
	// Name is the sender's; empty where the setting gives none.
	Name string
	// Limits are what its holder may ask for.
	Limits Limits
}

// Limits are what a key is good for. An empty list limits nothing.
type Limits struct {
	// From are the producers whose messages it signs, [CloudEvents] among them.
	From []string
	// Types are the types of events, Switches the names of the switches and
	// Projects the ids of the projects that they may be about.
	Types, Switches, Projects []string
}

// CloudEvents stands among producers for whoever sends CloudEvents as they are.
const CloudEvents = "cloudevents"

// leastKey is the shortest key that the scheme allows, in bytes.
const leastKey = 24

// ParseKey reads a key's setting: a secret, which is Base64 of at least 24
// bytes with or without "whsec_" before it, and before that, where the key has
// a name or limits, those and a colon:
//
//	name=tickets;from=servicenow|jira;types=…;switches=…;projects=…:whsec_…
func ParseKey(setting string) (Key, error) {
	var k Key
	secret := strings.TrimSpace(setting)
	if colon := strings.LastIndexByte(secret, ':'); colon >= 0 {
		if err := k.settings(secret[:colon]); err != nil {
			return Key{}, fmt.Errorf("webhook key: %w", err)
		}
		secret = secret[colon+1:]
	}
	text := strings.TrimRight(strings.TrimPrefix(strings.TrimSpace(secret), "whsec_"), "=")
	b, err := base64.RawStdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return Key{}, fmt.Errorf("webhook key: found no Base64, expected whsec_ and the Base64 of at least %d bytes", leastKey)
	case len(b) < leastKey:
		return Key{}, fmt.Errorf("webhook key: found %d bytes, expected at least %d, in Base64", len(b), leastKey)
	}
	k.bytes = b
	return k, nil
}

// settings reads what stands before a secret. Its errors repeat nothing of it:
// whoever has confused the order has put the secret there.
func (k *Key) settings(text string) error {
	lists := map[string]*[]string{
		"name": new([]string), "from": &k.Limits.From, "types": &k.Limits.Types, "switches": &k.Limits.Switches, "projects": &k.Limits.Projects,
	}
	for i, setting := range strings.Split(text, ";") {
		name, value, _ := strings.Cut(setting, "=")
		list := lists[strings.TrimSpace(name)]
		if list == nil || *list != nil {
			return fmt.Errorf("setting %d before its colon: expected name=, from=, types=, switches= or projects=, each once", i+1)
		}
		for item := range strings.SplitSeq(value, "|") {
			if item = strings.TrimSpace(item); !word(item) {
				return fmt.Errorf("setting %d before its colon: expected words of letters, digits, dots, hyphens and underscores, with | between", i+1)
			}
			*list = append(*list, item)
		}
	}
	if len(*lists["name"]) != 1 {
		return fmt.Errorf("settings before its colon: expected one name= among them")
	}
	k.Name = (*lists["name"])[0]
	return nil
}

func word(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == ""
}

// ParseKeys reads settings, in their order.
func ParseKeys(settings []string) (keys []Key, err error) {
	for i, s := range settings {
		k, err := ParseKey(s)
		if err == nil && slices.ContainsFunc(keys, func(o Key) bool { return hmac.Equal(o.bytes, k.bytes) }) {
			err = fmt.Errorf("webhook key: found a secret a second time, expected each once")
		}
		if err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, len(settings), err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// String shows nothing of the key.
func (Key) String() string { return "key" }

// GoString shows nothing of the key.
func (Key) GoString() string { return "key" }

// Sign sets the three headers of a message.
func (k Key) Sign(header http.Header, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header.Set(IDHeader, id)
	header.Set(TimestampHeader, timestamp)
	header.Set(SignatureHeader, "v1,"+base64.StdEncoding.EncodeToString(k.sum(id, timestamp, body)))
}

func (k Key) sum(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, k.bytes)
	h.Write([]byte(id + "." + timestamp + "."))
	h.Write(body)
	return h.Sum(nil)
}
