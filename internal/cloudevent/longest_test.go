package cloudevent

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

// What is kept or carried on has a limit, in every mode and format; nothing else
// has one.
func TestLongAttributes(t *testing.T) {
	for name, stem := range map[string]string{
		"id": "", "source": "urn:", "type": "", "subject": "", "dataschema": "urn:",
		"correlationid": "", "traceparent": "", "tracestate": "",
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{longest, longest + 1, 100 << 10} {
				attributes := map[string]string{"specversion": "1.0", "id": "1", "source": "urn:a", "type": "t", "another": strings.Repeat("b", size)}
				attributes[name] = stem + strings.Repeat("a", size-len(stem))
				one, err := json.Marshal(attributes)
				require.NoError(t, err)
				header := http.Header{}
				for name, value := range attributes {
					header.Set("ce-"+name, value)
				}
				_, direct := DecodeJSON(one)
				items, err := DecodeBatchJSON([]byte("[" + string(one) + "]"))
				require.NoError(t, err)
				_, _, binary := DecodeHTTP(header, nil)
				_, _, structured := DecodeHTTP(http.Header{"Content-Type": {ContentType}}, one)
				_, batched, err := DecodeHTTP(http.Header{"Content-Type": {BatchContentType}}, []byte("["+string(one)+"]"))
				require.NoError(t, err)
				for mode, err := range map[string]error{"JSON": direct, "batch": items[0].Err, "binary": binary, "structured": structured, "batched": batched[0].Err} {
					if size == longest {
						require.NoError(t, err, mode)
						continue
					}
					found := map[int]string{4097: "4097 bytes", 102400: "102400 bytes"}[size]
					require.Equal(t, &Error{Rule: RuleSize, Fields: []events.Field{{Path: name, Found: found, Expected: "at most 4096 bytes"}}}, withoutEvent(err), mode)
				}
			}
		})
	}
}

// withoutEvent is an error without what could be read of its event.
func withoutEvent(err error) error {
	e := *err.(*Error)
	e.Event = events.Cause{}
	return &e
}
