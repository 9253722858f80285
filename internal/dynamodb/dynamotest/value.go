package dynamotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
)

// item is an item, or a part of one.
type item map[string]value

// value is an attribute's value: of strings and numbers it knows what they mean, of
// the other types only whether they are equal.
type value struct {
	kind string // S, N, BOOL, …
	text string // of S and N
	raw  string // of the others
	num  *big.Rat
}

func (v *value) UnmarshalJSON(b []byte) error {
	var typed map[string]json.RawMessage
	if err := json.Unmarshal(b, &typed); err != nil || len(typed) != 1 {
		return invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	for kind, raw := range typed {
		v.kind = kind
		switch kind {
		case "S":
			return json.Unmarshal(raw, &v.text)
		case "N":
			if err := json.Unmarshal(raw, &v.text); err != nil {
				return err
			}
			return v.normalize()
		case "BOOL", "NULL", "B", "L", "M", "SS", "NS", "BS":
			var compact bytes.Buffer
			err := json.Compact(&compact, raw)
			v.raw = compact.String()
			return err
		}
	}
	return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
}

// mostDigits is the precision of numbers.
const mostDigits = 38

// normalize brings a number into the form in which it is given back.
func (v *value) normalize() error {
	num, ok := new(big.Rat).SetString(v.text)
	if !ok || strings.ContainsAny(v.text, "/_xXpPbBoO") {
		return invalid("The parameter cannot be converted to a numeric value: %s", v.text)
	}
	v.num = num
	if v.text = num.FloatString(mostDigits); strings.Contains(v.text, ".") {
		v.text = strings.TrimRight(strings.TrimRight(v.text, "0"), ".")
	}
	if digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(v.text), "0"); len(digits) > mostDigits {
		return invalid("Attempting to store more than 38 significant digits in a Number")
	}
	return nil
}

func (v value) MarshalJSON() ([]byte, error) {
	if v.kind == "S" || v.kind == "N" {
		return json.Marshal(map[string]string{v.kind: v.text})
	}
	return json.Marshal(map[string]json.RawMessage{v.kind: json.RawMessage(v.raw)})
}

func (v value) equal(other value) bool {
	return v.kind == other.kind && v.text == other.text && v.raw == other.raw
}

// compare orders values of one type; false if there is no order between them.
func (v value) compare(other value) (int, bool) {
	switch {
	case v.kind != other.kind:
		return 0, false
	case v.kind == "S":
		return strings.Compare(v.text, other.text), true
	case v.kind == "N":
		return v.num.Cmp(other.num), true
	}
	return 0, false
}

func (v value) size() int { return len(v.text) + len(v.raw) }

func (i item) size() (n int) {
	for name, v := range i {
		n += len(name) + v.size()
	}
	return n
}

// of is the part of an item with these attributes.
func (i item) of(names []string) item {
	part := item{}
	for _, name := range names {
		if v, ok := i[name]; ok {
			part[name] = v
		}
	}
	return part
}

func (i item) clone() item { return maps.Clone(i) }

// failure is an error that DynamoDB answers with.
type failure struct {
	status  int
	name    string
	Message string         `json:"message"`
	Item    item           `json:"Item,omitempty"`
	Reasons []cancellation `json:"CancellationReasons,omitempty"`
}

// cancellation is why an item's part of a transaction was not done, or, with the
// code None, that it was not at fault.
type cancellation struct {
	Code    string
	Message string `json:",omitempty"`
	Item    item   `json:",omitempty"`
}

func (f *failure) Error() string { return f.name + ": " + f.Message }

func invalid(format string, args ...any) error {
	return &failure{status: 400, name: "ValidationException", Message: fmt.Sprintf(format, args...)}
}
