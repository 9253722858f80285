package cloudsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// control serves what is under /_sim/.
func (c *Cloud) control(w http.ResponseWriter, r *http.Request, path string) {
	paths := map[string]map[string]func(body []byte) (any, error){
		"calls":   {"GET": func([]byte) (any, error) { return c.Calls(), nil }},
		"effects": {"GET": func([]byte) (any, error) { return c.Effects(), nil }},
		"state":   {"GET": func([]byte) (any, error) { return c.States(), nil }},
		"faults": {
			"GET":    func([]byte) (any, error) { return c.Faults(), nil },
			"POST":   c.postFault,
			"PUT":    c.putFaults,
			"DELETE": func([]byte) (any, error) { c.ClearFaults(); return nil, nil },
		},
		"targets": {"POST": c.postTarget},
		"jobs":    {"POST": c.postJob},
		"deliver": {"POST": func([]byte) (any, error) { return map[string]int{"effects": c.Deliver()}, nil }},
	}
	methods, ok := paths[path]
	if !ok {
		http.Error(w, "no such path", http.StatusNotFound)
		return
	}
	act, ok := methods[r.Method]
	if !ok {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
		http.Error(w, "no such method", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var answer any
	if err == nil {
		answer, err = act(body)
	}
	writeControl(w, answer, err)
}

func writeControl(w http.ResponseWriter, answer any, err error) {
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// readStrictly refuses unknown and doubled members: a misspelt fault would be
// a test of something else.
func readStrictly(body []byte, into any) error {
	if _, err := jsontree.Parse(body, 8); err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (c *Cloud) postFault(body []byte) (any, error) {
	var f Fault
	if err := readStrictly(body, &f); err != nil {
		return nil, err
	}
	return nil, c.Inject(f)
}

func (c *Cloud) putFaults(body []byte) (any, error) {
	var list []Fault
	if err := readStrictly(body, &list); err != nil {
		return nil, err
	}
	c.lock()
	defer c.mu.Unlock()
	faults := make([]*injected, len(list))
	for i, f := range list {
		if err := c.check(&f); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i, err)
		}
		faults[i] = &injected{f, f.Times}
	}
	c.faults = faults
	return nil, nil
}

func (c *Cloud) postTarget(body []byte) (any, error) {
	var t Target
	if err := readStrictly(body, &t); err != nil {
		return nil, err
	}
	if t.ProjectID == "" || t.InstanceID == "" {
		return nil, errors.New("project_id and instance_id are needed")
	}
	c.Declare(t)
	return nil, nil
}

func (c *Cloud) postJob(body []byte) (any, error) {
	var j ConsoleJob
	if err := readStrictly(body, &j); err != nil {
		return nil, err
	}
	if j.ProjectID == "" || j.InstanceID == "" || j.Name == "" {
		return nil, errors.New("project_id, instance_id and name are needed")
	}
	return jobStarted{c.StartJob(j)}, nil
}

// The members that are written otherwise than Go's take the place of those.
type (
	plainFault Fault
	faultText  struct {
		plainFault
		Delay duration `json:"delay,omitzero"`
		After duration `json:"after,omitzero"`
	}
	plainJob ConsoleJob
	jobText  struct {
		plainJob
		Pending duration `json:"pending"`
		Running duration `json:"running"`
	}
)

// MarshalJSON writes everything but Match.
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultText{plainFault(f), duration(f.Delay), duration(f.After)})
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else.
func (f *Fault) UnmarshalJSON(text []byte) error {
	var t faultText
	err := readStrictly(text, &t)
	*f = Fault(t.plainFault)
	f.Delay, f.After = time.Duration(t.Delay), time.Duration(t.After)
	return err
}

// UnmarshalJSON reads a job to start.
func (j *ConsoleJob) UnmarshalJSON(text []byte) error {
	var t jobText
	err := readStrictly(text, &t)
	*j = ConsoleJob(t.plainJob)
	j.Pending, j.Running = time.Duration(t.Pending), time.Duration(t.Running)
	return err
}

// duration is written as Go writes it: "1.5s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}
