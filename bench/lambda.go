package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// run is what one process cost.
type run struct {
	// cpu is user and system time from start to end, first the time to the first
	// answer.
	cpu, first time.Duration
	// peak is the most memory that it had, in bytes.
	peak int64
}

// measure starts a program as Lambda does, hands it that many events, and kills
// it when it asks for another.
func measure(argv, env []string, events int) (run, error) {
	ended := make(chan error, 1)
	end := func(err error) {
		select {
		case ended <- err:
		default:
		}
	}
	var r run
	var began time.Time
	serial, answered, pid := 0, 0, make(chan int, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, q *http.Request) {
		if serial == events {
			p := <-pid
			var err error
			r.peak, err = peak(p)
			end(err)
			<-q.Context().Done()
			return
		}
		serial++
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprint("8476a536-e9f4-11e8-9739-", serial))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(30*time.Second).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:interlock")
		_, _ = w.Write(ticket(serial))
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{what}", func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || q.PathValue("what") != "response" || !bytes.Contains(body, []byte("dev.interlock.switch.completed.v1")) {
			end(fmt.Errorf("%s %s %w", q.PathValue("what"), body, errors.Join(err)))
		}
		if answered++; answered == 1 {
			r.first = time.Since(began)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	api := httptest.NewServer(mux)
	defer api.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=proxyssl", "_HANDLER=proxyssl", "AWS_LAMBDA_FUNCTION_VERSION=1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=INFO", "TZ=:UTC",
	}, env...)
	began = time.Now()
	if err := cmd.Start(); err != nil {
		return run{}, err
	}
	pid <- cmd.Process.Pid
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		end(errors.New("the program ended by itself"))
		close(gone)
	}()
	err := <-ended
	_ = cmd.Process.Kill()
	<-gone
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, err
}

// peak is the high-water mark of a process's memory. rusage's would count the
// parent's memory before exec, too.
func peak(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	text, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kB, err := strconv.ParseInt(text, 10, 64)
	return kB << 10, err
}

// ticket is an approved ticket, of a few hundred bytes as all are, to which the
// starter policy says yes on any day. Its digest is what `interlock digest` prints
// of it.
func ticket(serial int) []byte {
	now := time.Now().UTC()
	return fmt.Appendf(nil, `{"specversion":"1.0","type":"dev.interlock.ticket.approved.v1","id":"CHG%07[1]d-1",
 "source":"https://tickets.example.com/changes","subject":"CHG%07[1]d","time":"%[2]s","datacontenttype":"application/json",
 "data":{"switch":"proxy-ssl","enabled":true,
  "target":{"project_id":"056538411200d4cd2f79c003c7606412","instance_id":"096c0fc43e804757b59946b80dc27f8bin07","proxy_id":"2ec617ba62da4eafb921b69438beed3cpo01"},
  "ticket":{"id":"CHG%07[1]d","requested_by":"requester@example.com","approved_by":["approver@example.com","head@example.com"],
   "approved_at":"%[2]s","window":{"start":"%[2]s","end":"%[3]s"},
   "digest":"sha-256:052ce1766b150ac84189fe4713b249a8e3d82a2314c21a4c616214d458ea8a3a"}}}`,
		serial, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
}
