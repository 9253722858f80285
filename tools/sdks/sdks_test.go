// Package sdks has Huawei's own SDKs, for Go and for Python, be clients of the
// simulated cloud: what that takes is what these sign and send, and what it
// answers is what these read. It is a module of its own, so that nobody else
// needs the SDKs.
package sdks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

const (
	project  = "056538411200d4cd2f79c003c7606412"
	instance = "096c0fc43e804757b59946b80dc27f8bin07"
	proxy    = "2ec617ba62da4eafb921b69438beed3cpo01"
	auditor  = "76fabce1b0c84a0d9b0e6d3f2c1a5b4e"
	database = "Gadr-Y4B51p4J06s5s5B"
)

// taken counts the calls that were believed, of all tests.
var taken int

func TestMain(m *testing.M) {
	code := m.Run()
	fmt.Printf("sdks: calls=%d\n", taken)
	os.Exit(code)
}

// sdk calls an operation by the name that all SDKs have for it. The members of
// its request, and of its answer, are named as in the models.
type sdk func(t *testing.T, operation string, request members) outcome

type members = map[string]any

// outcome is what an SDK has made of an answer: what it read, or what it says of
// a refusal, or why it could not read it.
type outcome struct {
	Answer  members
	Refused *refusal
	Unread  string
}

// answer is that of a call which has to have one.
func (s sdk) answer(t *testing.T, operation string, request members) members {
	o := s(t, operation, request)
	require.Nil(t, o.Refused, operation)
	require.Empty(t, o.Unread, operation)
	return o.Answer
}

type refusal struct {
	Status    int
	Code      string
	RequestID string
}

// world is a simulated cloud, whose clock is ahead by what a test lets go by.
type world struct {
	*cloudsim.Cloud
	url   string
	ahead atomic.Int64
}

func newWorld(t *testing.T, o cloudsim.Options) *world {
	w := &world{}
	o.Simulations = simulations.All()
	o.Now = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	w.Cloud = cloudsim.New(o)
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		count(w.Calls())
	})
	w.url = server.URL
	return w
}

func count(calls []cloudsim.Call) {
	for _, c := range calls {
		if c.Authenticated {
			taken++
		}
	}
}

// ids are the members of a request that name a target.
func ids(of ...string) members {
	r := members{"instance_id": of[0]}
	if len(of) > 1 {
		r["proxy_id"] = of[1]
	}
	return r
}

func with(m members, name string, value any) members {
	m[name] = value
	return m
}

var switches = []struct {
	flip   string
	target func() members
	body   func(on bool) members
	// What answers a flip that starts no job.
	answers func(on bool) members
	// Where the read says how the switch lies, and what it says there.
	read, path string
	off, on    any
}{
	{
		flip: "SwitchGaussMySqlProxyAlt",
		// The model of this one flip asks for the content type.
		target: func() members { return with(ids(instance, proxy), "Content-Type", "application/json") },
		body:   func(on bool) members { return members{"alt_enabled": word(on, "off", "on"), "alt_for_readonly": "on"} },
	},
	{
		flip:   "SwitchGaussMySqlProxySsl",
		target: func() members { return ids(instance, proxy) },
		body:   func(on bool) members { return members{"ssl_option": on} },
		read:   "ShowGaussMySqlProxyList", path: "proxy_list.0.proxy.ssl_option", off: "false", on: "true",
	},
	{
		flip:    "SwitchAccessControl",
		target:  func() members { return ids(instance, proxy) },
		body:    func(on bool) members { return members{"open_access_control": on} },
		answers: func(on bool) members { return members{"open_access_control": on} },
		read:    "ShowProxyIpgroup", path: "enable_ip_group", off: false, on: true,
	},
	{
		flip:   "UpdateMultiTenant",
		target: func() members { return ids(instance) },
		body:   func(on bool) members { return members{"multi_tenant_switch": on} },
		read:   "ShowMultiTenant", path: "multi_tenant_switch", off: false, on: true,
	},
	{
		flip:    "SwitchAuditDatabaseNew",
		target:  func() members { return ids(auditor) },
		body:    func(on bool) members { return members{"id": database, "status": word(on, "OFF", "ON")} },
		answers: func(bool) members { return members{"status": "SUCCESS"} },
		read:    "ListAuditDatabasesNew", path: "databases.0.database.status", off: "OFF", on: "ON",
	},
}

func word(on bool, off, yes string) string {
	if on {
		return yes
	}
	return off
}

// at finds a value by the names and numbers that lead to it.
func at(t *testing.T, v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case members:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			require.NoError(t, err)
			require.Greater(t, len(in), i, path)
			v = in[i]
		default:
			require.Fail(t, "no such value", "%s of %v", path, v)
		}
	}
	return v
}

var kinds = map[string]func(t *testing.T, url string, c cloudsim.Credentials) sdk{"go": goSDK, "python": pythonSDK}

var (
	permanent = cloudsim.Credentials{AccessKey: "PERMANENT", SecretKey: "sK/+=~ secret"}
	temporary = cloudsim.Credentials{AccessKey: "TEMPORARY", SecretKey: "other", SecurityToken: "st.token-ABC/+=="}
)

// Every switch flipped on and off, its job followed by both queries, and its
// state read, with either kind of key.
func TestSDKs(t *testing.T) {
	for name, kind := range kinds {
		for _, key := range []cloudsim.Credentials{permanent, temporary} {
			t.Run(name+"/"+strings.ToLower(key.AccessKey), func(t *testing.T) {
				w := newWorld(t, cloudsim.Options{Credentials: []cloudsim.Credentials{permanent, temporary}})
				w.flips(t, kind(t, w.url, key))
				for operation := range strings.SplitSeq(w.Operations(), ", ") {
					if operation != cloudsim.CreateToken {
						require.NotEmpty(t, w.CallsOf(operation), "add the switch to the list above, and its read")
					}
				}
				for _, c := range w.Calls() {
					require.True(t, c.Authenticated, c.Path)
				}
			})
		}
	}
}

func (w *world) flips(t *testing.T, call sdk) {
	for _, on := range []bool{true, false} {
		for _, s := range switches {
			answer := call.answer(t, s.flip, with(s.target(), "body", s.body(on)))
			effects := w.Effects()
			last := effects[len(effects)-1]
			require.Equal(t, s.flip, last.Operation)
			require.Equal(t, on, last.Enabled)
			if s.answers == nil {
				require.NotEmpty(t, last.JobID)
				require.Equal(t, last.JobID, answer["job_id"])
				w.follow(t, call, last.JobID)
			} else {
				require.Equal(t, s.answers(on), answer, s.flip)
			}
			if s.read != "" {
				require.Equal(t, map[bool]any{false: s.off, true: s.on}[on], at(t, call.answer(t, s.read, s.target()), s.path), s.read)
			}
		}
	}
}

// follow asks for a job while it cannot be found, while it keeps its instance
// busy, and when it has ended.
func (w *world) follow(t *testing.T, call sdk, id string) {
	one := members{"id": id}
	listed := func() any {
		since := w.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05-0700")
		list := call.answer(t, cloudsim.ListImmediateJobs, members{"job_id": id, "offset": "1", "limit": "50", "start_time": since})
		require.EqualValues(t, 1, list["total_count"])
		require.Equal(t, id, at(t, list, "jobs.0.job_id"))
		return at(t, list, "jobs.0.status")
	}
	w.refuses(t, call(t, cloudsim.ShowJob, one), 404, "DBS.200013")
	for _, status := range []string{"Running", "Completed"} {
		w.ahead.Add(int64(4 * time.Second))
		job := call.answer(t, cloudsim.ShowJob, one)
		require.Equal(t, status, at(t, job, "job.status"))
		require.Equal(t, instance, at(t, job, "job.instance.id"))
		require.Equal(t, status, listed())
		if status == "Running" {
			w.refuses(t, call(t, "UpdateMultiTenant", with(ids(instance), "body", members{"multi_tenant_switch": true})), 409, "DBS.200019")
		}
	}
}

// refuses holds an outcome to a refusal, with the id that the cloud's own record
// has of the last call.
func (w *world) refuses(t *testing.T, got outcome, status int, code string) {
	calls := w.Calls()
	require.Equal(t, &refusal{status, code, calls[len(calls)-1].RequestID}, got.Refused)
}

// What is wrong is refused in shapes that the SDKs read.
func TestRefusals(t *testing.T) {
	wrong := func(c cloudsim.Credentials, edit func(*cloudsim.Credentials)) cloudsim.Credentials {
		edit(&c)
		return c
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cloudsim.Options{Credentials: []cloudsim.Credentials{permanent, temporary}})
			flip := with(ids("short"), "body", members{"id": database, "status": "ON"})
			w.refuses(t, kind(t, w.url, permanent)(t, "SwitchAuditDatabaseNew", flip), 400, "DBSS.10020102")
			for _, key := range []cloudsim.Credentials{
				wrong(permanent, func(c *cloudsim.Credentials) { c.AccessKey = "NOBODY" }),
				wrong(permanent, func(c *cloudsim.Credentials) { c.SecretKey += "x" }),
				wrong(temporary, func(c *cloudsim.Credentials) { c.SecurityToken = "" }),
				wrong(temporary, func(c *cloudsim.Credentials) { c.SecurityToken += "x" }),
			} {
				w.refuses(t, kind(t, w.url, key)(t, "ShowMultiTenant", ids(instance)), 401, "APIG.0301")
			}
			require.Empty(t, w.Effects())
		})
	}
}

// Why reads are not loose unless asked for: the SDKs cannot read them, or read
// what is off as on.
func TestLooseReadsAreNotForSDKs(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cloudsim.Options{Loose: true})
			call := kind(t, w.url, cloudsim.Credentials{AccessKey: cloudsim.DefaultAccessKey, SecretKey: cloudsim.DefaultSecretKey})
			amiss := 0
			for range 4 {
				if got := call(t, "ShowMultiTenant", ids(instance)); got.Unread != "" || got.Answer["multi_tenant_switch"] == true {
					amiss++
				}
			}
			require.Equal(t, 3, amiss, "of false, \"false\", \"OFF\" and \"off\"")
		})
	}
}

// What no source settles is a flag of interlock sim, and each way of it is one
// that the SDKs can do with.
func TestModes(t *testing.T) {
	program := filepath.Join(t.TempDir(), "interlock")
	build := exec.Command("go", "build", "-o", program, "./cmd/interlock")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	known := cloudsim.Credentials{AccessKey: cloudsim.DefaultAccessKey, SecretKey: cloudsim.DefaultSecretKey}
	for name, c := range map[string]struct {
		flags []string
		key   cloudsim.Credentials
		// Of twelve jobs, the newest first, those of offset 2 by tens.
		from, to int
		busy     refusal
	}{
		"by pages":      {nil, known, 10, 12, refusal{Status: 409, Code: "DBS.200019"}},
		"by records":    {[]string{"--offsets", "records"}, known, 1, 11, refusal{Status: 409, Code: "DBS.200019"}},
		"unlisted":      {[]string{"--unlisted"}, known, 0, 0, refusal{Status: 409, Code: "DBS.200019"}},
		"temporary key": {[]string{"--key", temporary.AccessKey + ":" + temporary.SecretKey + ":" + temporary.SecurityToken}, temporary, 10, 12, refusal{Status: 409, Code: "DBS.200019"}},
		"busy code":     {[]string{"--busy-status", "400", "--busy-code", "DBS.201014"}, known, 10, 12, refusal{Status: 400, Code: "DBS.201014"}},
	} {
		for language, kind := range kinds {
			t.Run(language+"/"+name, func(t *testing.T) {
				url := simulate(t, program, c.flags)
				call := kind(t, url, c.key)
				flip := func(on bool) members { return with(ids(instance, proxy), "body", members{"ssl_option": on}) }
				var ids []any
				for i := range 12 {
					ids = slices.Insert(ids, 0, call.answer(t, "SwitchGaussMySqlProxySsl", flip(i%2 == 0))["job_id"])
				}
				list := call.answer(t, cloudsim.ListImmediateJobs, members{"offset": "2", "limit": "10"})
				listed := []any{}
				for _, j := range list["jobs"].([]any) {
					listed = append(listed, at(t, j, "job_id"))
				}
				require.Equal(t, ids[c.from:c.to], listed)
				require.EqualValues(t, min(c.to, 1)*12, list["total_count"])
				require.Equal(t, "Completed", at(t, call.answer(t, cloudsim.ShowJob, members{"id": ids[11]}), "job.status"))

				fault := `{"operation":"SwitchGaussMySqlProxySsl","kind":"busy","times":1}`
				res, err := http.Post(url+"/_sim/faults", "application/json", strings.NewReader(fault))
				require.NoError(t, err)
				res.Body.Close()
				busy := call(t, "SwitchGaussMySqlProxySsl", flip(true)).Refused
				require.NotNil(t, busy)
				require.Equal(t, c.busy, refusal{Status: busy.Status, Code: busy.Code})

				res, err = http.Get(url + "/_sim/calls")
				require.NoError(t, err)
				defer res.Body.Close()
				var calls []cloudsim.Call
				require.NoError(t, json.NewDecoder(res.Body).Decode(&calls))
				count(calls)
			})
		}
	}
}

// simulate runs interlock sim, in which jobs take no time, and returns where.
func simulate(t *testing.T, program string, flags []string) (url string) {
	sim := exec.Command(program, append(strings.Fields("sim --addr 127.0.0.1:0 --job-visible -1s --job-pending -1s --job-running -1s"), flags...)...)
	sim.Stderr = os.Stderr
	out, err := sim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, sim.Start())
	t.Cleanup(func() {
		_ = sim.Process.Kill()
		_ = sim.Wait()
	})
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "simulating the cloud on ")
	require.True(t, ok, line)
	return url
}
