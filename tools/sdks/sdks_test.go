// Package sdks has Huawei's own SDKs call the simulated cloud: as they sign, as
// they write requests, and as their models type the answers. It is a module of
// its own, so that nothing else depends on them.
package sdks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	dbss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/dbss/v1"
	audit "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/dbss/v1/model"
	gaussdb "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/gaussdb/v3"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/gaussdb/v3/model"
)

const (
	project  = "056538411200d4cd2f79c003c7606412"
	instance = "096c0fc43e804757b59946b80dc27f8bin07"
	proxy    = "2ec617ba62da4eafb921b69438beed3cpo01"
	auditor  = "1b1b4d3c-6f0e-4f52-9d84-0c5f6a7b8c9d"
	database = "Gadr-Y4B51p4J06s5s5B"
)

// seen is what a client saw that flipped each switch on, off, on and off, read
// each after that, and asked for jobs.
type seen struct {
	Jobs       []string `json:"jobs"`
	States     [][]any  `json:"states"`
	SecondPage []string `json:"second_page"`
	Total      int      `json:"total"`
	Job        []string `json:"job"`
	Missing    string   `json:"missing"`
	Busy       string   `json:"busy"`
}

type client func(ctx context.Context, endpoint string, key []string) (seen, error)

func TestSDKs(t *testing.T) {
	program := filepath.Join(t.TempDir(), "interlock")
	build := exec.Command("go", "build", "-o", program, "./cmd/interlock")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("HOME", t.TempDir()) // Go's writes a file there
	permanent := []string{"SIMULATEDACCESSKEY00", "simulated-secret-key"}
	temporary := []string{"TEMPORARYKEY", "secret/+=", "token-/+="}
	total := 0
	for name, c := range map[string]struct {
		flags []string
		key   []string
		total int
		page  func(jobs []string) []string // newest first
		busy  string
	}{
		"by pages":      {nil, permanent, 12, func(jobs []string) []string { return jobs[10:] }, "409 DBS.200019"},
		"by records":    {[]string{"--offsets", "records"}, permanent, 12, func(jobs []string) []string { return jobs[1:11] }, "409 DBS.200019"},
		"unlisted":      {[]string{"--unlisted"}, permanent, 0, func([]string) []string { return []string{} }, "409 DBS.200019"},
		"temporary key": {[]string{"--key", strings.Join(temporary, ":")}, temporary, 12, func(jobs []string) []string { return jobs[10:] }, "409 DBS.200019"},
		"busy code":     {[]string{"--busy-status", "400", "--busy-code", "DBS.201014"}, permanent, 12, func(jobs []string) []string { return jobs[10:] }, "400 DBS.201014"},
	} {
		for language, run := range map[string]client{"Go": inGo, "Python": inPython} {
			t.Run(language+", "+name, func(t *testing.T) {
				endpoint := simulate(t, program, c.flags)
				got, err := run(t.Context(), endpoint, c.key)
				if err != nil {
					t.Fatal(err)
				}
				on := []any{true, "SUCCESS", "true", true, true, "ON"}
				off := []any{false, "SUCCESS", "false", false, false, "OFF"}
				newest := make([]string, len(got.Jobs))
				for i, id := range got.Jobs {
					newest[len(newest)-1-i] = id
				}
				if len(newest) != 12 {
					t.Fatalf("jobs: %v", got.Jobs)
				}
				want := seen{
					Jobs: got.Jobs, States: [][]any{on, off, on, off}, SecondPage: c.page(newest), Total: c.total,
					Job: []string{got.Jobs[0], "Completed", instance}, Missing: "404 DBS.200013", Busy: c.busy,
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("found    %+v\nexpected %+v", got, want)
				}
				total += calls(t, endpoint)
			})
		}
	}
	fmt.Printf("sdks: calls=%d\n", total)
}

// simulate runs `interlock sim`, in which jobs take no time, and returns where.
func simulate(t *testing.T, program string, flags []string) (endpoint string) {
	sim := exec.Command(program, append([]string{"sim", "--addr", "127.0.0.1:0", "--job-visible", "-1s", "--job-pending", "-1s", "--job-running", "-1s"}, flags...)...)
	sim.Stderr = os.Stderr
	out, err := sim.StdoutPipe()
	if err == nil {
		err = sim.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sim.Process.Kill()
		_ = sim.Wait()
	})
	line, _ := bufio.NewReader(out).ReadString('\n')
	endpoint, ok := strings.CutPrefix(strings.TrimSpace(line), "simulating the cloud on ")
	if !ok {
		t.Fatalf("interlock sim: %q", line)
	}
	return endpoint
}

// calls counts those that the cloud was asked, and took for whose they are.
func calls(t *testing.T, endpoint string) int {
	res, err := http.Get(endpoint + "/_sim/calls")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var all []struct {
		Operation     string `json:"operation"`
		Authenticated bool   `json:"authenticated"`
	}
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	taken, other := 0, []string{}
	for _, c := range all {
		if c.Authenticated {
			taken++
		} else {
			other = append(other, c.Operation)
		}
	}
	// The one that was to meet a fault met it before anything else.
	if want := []string{"SwitchGaussMySqlProxySsl"}; !slices.Equal(other, want) {
		t.Errorf("not authenticated: %q, expected %q", other, want)
	}
	return taken
}

func inPython(ctx context.Context, endpoint string, key []string) (s seen, err error) {
	python := os.Getenv("PYTHON")
	if python == "" {
		return s, errors.New("PYTHON: not set, expected the Python that has the SDK: make verify-sdks")
	}
	cmd := exec.CommandContext(ctx, python, append([]string{"sdks.py", endpoint, project}, key...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}

// inGo does what sdks.py does.
func inGo(_ context.Context, endpoint string, key []string) (s seen, err error) {
	builder := basic.NewCredentialsBuilder().WithProjectId(project).WithAk(key[0]).WithSk(key[1])
	if len(key) > 2 {
		builder = builder.WithSecurityToken(key[2])
	}
	auth, err := builder.SafeBuild()
	if err != nil {
		return s, err
	}
	gc, err := gaussdb.GaussDBClientBuilder().WithEndpoints([]string{endpoint}).WithCredential(auth).SafeBuild()
	if err != nil {
		return s, err
	}
	dc, err := dbss.DbssClientBuilder().WithEndpoints([]string{endpoint}).WithCredential(auth).SafeBuild()
	if err != nil {
		return s, err
	}
	g, d := gaussdb.NewGaussDBClient(gc), dbss.NewDbssClient(dc)

	defer func() { // a pointer that the answer left out
		if r := recover(); r != nil {
			err = fmt.Errorf("an answer lacks what is expected: %v", r)
		}
	}()
	must := func(e error) {
		if e != nil && err == nil {
			err = e
		}
	}
	var ssl *model.SwitchGaussMySqlProxySslRequest
	for _, on := range []bool{true, false, true, false} {
		word, status := "off", audit.GetSwitchAuditDbRequestStatusEnum().OFF
		if on {
			word, status = "on", audit.GetSwitchAuditDbRequestStatusEnum().ON
		}
		ssl = &model.SwitchGaussMySqlProxySslRequest{InstanceId: instance, ProxyId: proxy, Body: &model.SwitchProxySslRequest{SslOption: on}}
		alt, e := g.SwitchGaussMySqlProxyAlt(&model.SwitchGaussMySqlProxyAltRequest{
			ContentType: "application/json", InstanceId: instance, ProxyId: proxy, Body: &model.SwitchGaussMySqlProxyAltRequestBody{AltEnabled: word, AltForReadonly: &word},
		})
		must(e)
		secured, e := g.SwitchGaussMySqlProxySsl(ssl)
		must(e)
		tenants, e := g.UpdateMultiTenant(&model.UpdateMultiTenantRequest{InstanceId: instance, Body: &model.OperateMultiTenantReq{MultiTenantSwitch: on}})
		must(e)
		opened, e := g.SwitchAccessControl(&model.SwitchAccessControlRequest{InstanceId: instance, ProxyId: proxy, Body: &model.SwitchAccessControlRequestBody{OpenAccessControl: on}})
		must(e)
		audited, e := d.SwitchAuditDatabaseNew(&audit.SwitchAuditDatabaseNewRequest{InstanceId: auditor, Body: &audit.SwitchAuditDbRequest{Id: database, Status: status}})
		must(e)
		proxies, e := g.ShowGaussMySqlProxyList(&model.ShowGaussMySqlProxyListRequest{InstanceId: instance})
		must(e)
		group, e := g.ShowProxyIpgroup(&model.ShowProxyIpgroupRequest{InstanceId: instance, ProxyId: proxy})
		must(e)
		tenancy, e := g.ShowMultiTenant(&model.ShowMultiTenantRequest{InstanceId: instance})
		must(e)
		databases, e := d.ListAuditDatabasesNew(&audit.ListAuditDatabasesNewRequest{InstanceId: auditor})
		must(e)
		if err != nil {
			return s, err
		}
		s.Jobs = append(s.Jobs, *alt.JobId, *secured.JobId, *tenants.JobId)
		s.States = append(s.States, []any{
			*opened.OpenAccessControl, *audited.Status, *(*proxies.ProxyList)[0].Proxy.SslOption,
			*group.EnableIpGroup, *tenancy.MultiTenantSwitch, (*databases.Databases)[0].Database.Status,
		})
	}
	second, ten := "2", "10"
	page, e := g.ListImmediateJobs(&model.ListImmediateJobsRequest{Offset: &second, Limit: &ten})
	must(e)
	job, e := g.ShowGaussMySqlJobInfo(&model.ShowGaussMySqlJobInfoRequest{Id: s.Jobs[0]})
	must(e)
	if err != nil {
		return s, err
	}
	s.SecondPage = []string{}
	for _, j := range *page.Jobs {
		s.SecondPage = append(s.SecondPage, *j.JobId)
	}
	s.Total = int(*page.TotalCount)
	s.Job = []string{job.Job.Id, job.Job.Status.Value(), job.Job.Instance.Id}
	_, e = g.ShowGaussMySqlJobInfo(&model.ShowGaussMySqlJobInfoRequest{Id: "00000000-0000-4000-a000-000000000000"})
	s.Missing = refused(e)
	fault := []byte(`{"operation":"SwitchGaussMySqlProxySsl","kind":"busy","times":1}`)
	res, err := http.Post(endpoint+"/_sim/faults", "application/json", bytes.NewReader(fault))
	if err != nil {
		return s, err
	}
	res.Body.Close()
	_, e = g.SwitchGaussMySqlProxySsl(ssl)
	s.Busy = refused(e)
	return s, nil
}

func refused(err error) string {
	if e := (*sdkerr.ServiceResponseError)(nil); errors.As(err, &e) {
		return fmt.Sprintf("%d %s", e.StatusCode, e.ErrorCode)
	}
	return fmt.Sprintf("not refused: %v", err)
}
