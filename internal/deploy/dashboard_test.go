package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

var search = regexp.MustCompile(`SEARCH\('\{(Interlock[A-Za-z,]*)\} MetricName=\\"(\w+)\\"`)

// The dashboard draws each metric that the functions write, by the dimensions
// with which it is written: a search by others finds nothing and says nothing.
func TestTheDashboardFindsTheMetrics(t *testing.T) {
	var lines bytes.Buffer
	observer := observe.Metrics(&lines)
	d := &decision.Decision{Switch: "proxy-ssl", Time: time.Unix(0, 0)}
	for _, name := range []string{"settle", "later", "call"} {
		observer(t.Context(), engine.Step{Name: name, Result: "accepted", Decision: d, At: time.Unix(1, 0)})
		observer(t.Context(), engine.Step{Name: name, Result: "busy", Decision: d, At: time.Unix(1, 0), Err: errors.New("busy")})
	}
	written := map[string]string{}
	for line := range bytes.Lines(lines.Bytes()) {
		var emf struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		require.NoError(t, json.Unmarshal(line, &emf))
		for _, m := range emf.AWS.CloudWatchMetrics {
			written[m.Metrics[0].Name] = strings.Join(slices.Concat([]string{m.Namespace}, m.Dimensions[0]), ",")
		}
	}
	require.Len(t, written, 4)

	body := at(load(t).Resources["Dashboard"].Properties, "DashboardBody.Fn::Sub").([]any)[0].(string)
	drawn := map[string]string{}
	for _, s := range search.FindAllStringSubmatch(body, -1) {
		drawn[s[2]] = s[1]
	}
	require.Equal(t, written, drawn)

	placeholders := regexp.MustCompile(`\$\{(Names|Dead)\}`).ReplaceAllString(body, `\"x\"`)
	require.True(t, json.Valid([]byte(placeholder.ReplaceAllString(placeholders, "x"))), "the body is no JSON")
}
