package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"interlock": main})
}

// TestScripts runs the program as its users do. Beside testscript's own, the
// scripts have these commands:
//
//	start NAME ARG...     runs interlock in the background until it says where
//	                      it listens, and sets NAME to that URL
//	interrupt NAME        interrupts it; it must end well. What it printed is in
//	                      NAME.out and NAME.err
//	terminate NAME        the same, as who runs services does it: with SIGTERM
//	half URL FILE         sends a function half of a request to post a file, and
//	                      another one half of its header; neither goes on
//	post URL TYPE FILE    posts a file and prints the status and the answer
//	get URL               prints the answer
//	shows PATTERN URL     gets a page until it matches
//	until PATTERN ARG...  runs interlock until what it prints matches
//	taken NAME            takes a port and sets NAME to its address
//	sample NAME           copies functions/NAME/sample.json to NAME.json
//	audited FILE          makes a ledger file with audit records
//	unresolved SIM FILE   makes a ledger file with a chain whose first step has
//	                      failed as unresolved
//	jsonlines             demands that the last output is lines of JSON
//	kept VERSION FILE     makes a ledger file of one that an older version made
//	forge FILE OLD NEW    puts a text in the place of one of the same length in
//	                      an audit record of a ledger file
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values[procsKey{}] = procs{}
			env.Setenv(raceOptions, raceDetector)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start": start, "interrupt": stop(syscall.SIGINT), "terminate": stop(syscall.SIGTERM), "half": half, "post": post, "get": get, "shows": shows, "until": until, "taken": taken, "sample": sample, "audited": auditedLedger, "unresolved": unresolvedChain, "forge": forge, "kept": keptLedger, "jsonlines": jsonLines,
		},
	})
}

// Every program that the race detector looks at would wait for a second when it ends.
const raceOptions, raceDetector = "GORACE", "atexit_sleep_ms=0"

// procs are the programs that a script has started, by name.
type procs map[string]*proc

type procsKey struct{}

type proc struct {
	*exec.Cmd
	out, err bytes.Buffer
	ended    chan struct{} // closed when all of its output has been read
}

var listening = regexp.MustCompile(`http://[^\s"]+:\d+`)

func start(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	p := &proc{Cmd: exec.Command(program(ts), args[1:]...), ended: make(chan struct{})}
	p.Dir, p.Env = ts.MkAbs("."), environ(ts)
	p.Stderr = &p.err
	stdout, err := p.StdoutPipe()
	ts.Check(err)
	ts.Check(p.Start())
	ts.Value(procsKey{}).(procs)[name] = p
	ts.Defer(func() {
		_ = p.Process.Kill()
		<-p.ended
		_ = p.Wait()
	})
	found := make(chan string, 1)
	go func() {
		defer close(p.ended)
		defer close(found)
		eachLine(stdout, func(line string) {
			p.out.WriteString(line + "\n")
			if url := serving(line); url != "" {
				found <- url
			}
		})
	}()
	select {
	case url := <-found:
		if url == "" {
			ts.Fatalf("%v ended:\n%s", args, p.err.String())
		}
		ts.Setenv(name, url)
	case <-time.After(30 * time.Second):
		ts.Fatalf("%v does not say where it listens", args)
	}
}

func eachLine(r io.Reader, f func(string)) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f(lines.Text())
	}
}

// serving is the URL in a line by which a program says where it listens.
func serving(line string) string {
	for _, word := range []string{"serving on ", "simulating the cloud on ", `{"serving":`, `{"simulating":`} {
		if _, rest, ok := strings.Cut(line, word); ok {
			return listening.FindString(rest)
		}
	}
	return ""
}

func program(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, "interlock"); isFile(path) {
			return path
		}
	}
	ts.Fatalf("interlock is not in PATH")
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func environ(ts *testscript.TestScript) (env []string) {
	for _, name := range append(config.Names(), "PATH", "HOME", "TMPDIR", raceOptions) {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func stop(signal syscall.Signal) func(ts *testscript.TestScript, _ bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		p := ts.Value(procsKey{}).(procs)[args[0]]
		ts.Check(p.Process.Signal(signal))
		<-p.ended
		err := p.Wait()
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), p.out.Bytes(), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), p.err.Bytes(), 0o600))
		if err != nil {
			ts.Fatalf("%s: %v\n%s", args[0], err, p.err.String())
		}
	}
}

// half returns once the program waits for the rest of a body: it asks for that
// with a 100 when it begins to read.
func half(ts *testscript.TestScript, _ bool, args []string) {
	u, err := url.Parse(args[0])
	ts.Check(err)
	file, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/cloudevents+json\r\n", u.Path, u.Host)
	var conns [2]net.Conn
	for i := range conns {
		conns[i], err = net.Dial("tcp", u.Host)
		ts.Check(err)
		ts.Defer(func() { _ = conns[i].Close() })
		_, err = io.WriteString(conns[i], head)
		ts.Check(err)
	}
	_, err = fmt.Fprintf(conns[0], "Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(file))
	ts.Check(err)
	line, err := bufio.NewReader(conns[0]).ReadString('\n')
	ts.Check(err)
	if !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		ts.Fatalf("%s: %s", args[0], line)
	}
	_, err = conns[0].Write(file[:len(file)/2])
	ts.Check(err)
}

func post(ts *testscript.TestScript, _ bool, args []string) {
	file, err := os.Open(ts.MkAbs(args[2]))
	ts.Check(err)
	defer file.Close()
	res, err := http.Post(args[0], args[1], file)
	ts.Check(err)
	show(ts, res)
}

func get(ts *testscript.TestScript, _ bool, args []string) {
	res, err := http.Get(args[0])
	ts.Check(err)
	show(ts, res)
}

// until runs the program again and again, as somebody would who waits for it to
// say something.
func until(ts *testscript.TestScript, _ bool, args []string) {
	pattern, giveUp := regexp.MustCompile("(?m)"+args[0]), time.After(30*time.Second)
	for {
		cmd := exec.Command(program(ts), args[1:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
		out, err := cmd.Output()
		if pattern.Match(out) {
			_, err := ts.Stdout().Write(out)
			ts.Check(err)
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-giveUp:
			ts.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
}

// shows looks at a page again and again until it matches.
func shows(ts *testscript.TestScript, _ bool, args []string) {
	pattern, giveUp := regexp.MustCompile(args[0]), time.After(30*time.Second)
	for {
		res, err := http.Get(args[1])
		ts.Check(err)
		body, err := io.ReadAll(res.Body)
		ts.Check(errors.Join(err, res.Body.Close()))
		if pattern.Match(body) {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-giveUp:
			ts.Fatalf("%v:\n%s", args, body)
		}
	}
}

func show(ts *testscript.TestScript, res *http.Response) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write([]byte(res.Status + "\n" + string(body) + "\n"))
	ts.Check(err)
}

func taken(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

func sample(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(filepath.Join("..", "..", "functions", args[0], "sample.json"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".json"), text, 0o600))
}

// forge changes an audit record as somebody would who knows the file's form.
func forge(ts *testscript.TestScript, _ bool, args []string) {
	db, err := bbolt.Open(ts.MkAbs(args[0]), 0o600, nil)
	ts.Check(err)
	ts.Check(db.Update(func(tx *bbolt.Tx) error {
		b, found := tx.Bucket([]byte("audit")), map[string][]byte{}
		err := b.ForEach(func(k, v []byte) error {
			if bytes.Contains(v, []byte(args[1])) {
				found[string(k)] = bytes.Replace(v[4:], []byte(args[1]), []byte(args[2]), 1)
			}
			return nil
		})
		for k, v := range found {
			sum := crc32.Checksum(append([]byte(k), v...), crc32.MakeTable(crc32.Castagnoli))
			err = errors.Join(err, b.Put([]byte(k), append(binary.BigEndian.AppendUint32(nil, sum), v...)))
		}
		return err
	}))
	ts.Check(db.Close())
}

// unresolvedChain has the event five ask for a chain, at a cloud that cuts its
// call off and shows no jobs, and lets some hours pass.
func unresolvedChain(ts *testscript.TestScript, _ bool, args []string) {
	at := time.Now().Add(-3 * time.Hour)
	h, err := local.Open(stageConfig(args[0], ts.MkAbs(args[1])), functions.All(), local.Options{Now: func() time.Time { return at }})
	ts.Check(err)
	ev, err := requested(events.SwitchRequested{
		Switch: scenes[1].name, Enabled: new(true), Target: &scenes[1].target, Then: chained.then,
	}, at)
	ts.Check(err)
	ev.SetID("five")
	if r := h.Handle(context.Background(), scenes[1].function(), ev); r.Kind != engine.Later {
		ts.Fatalf("%s: %v", r.Kind, r.Error)
	}
	at = at.Add(2 * time.Hour)
	r := h.Engine.Resume(context.Background(), ledger.Key{Switch: scenes[1].name, Source: ev.Source(), ID: ev.ID()})
	if r.Error == nil || r.Error.Code != events.Unresolved {
		ts.Fatalf("%s: %v", r.Kind, r.Error)
	}
	ts.Check(h.Close())
}

// keptLedger unpacks a ledger file that the program of a commit made, named after
// that, and is never made anew: with a decision of each kind in it.
func keptLedger(ts *testscript.TestScript, _ bool, args []string) {
	packed, err := os.Open(filepath.Join("testdata", "ledgers", args[0]+".db.gz"))
	ts.Check(err)
	defer packed.Close()
	text, err := gzip.NewReader(packed)
	ts.Check(err)
	file, err := io.ReadAll(text)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), file, 0o600))
}

// auditedLedger makes a ledger file in which three decisions on one instance and
// one on another are settled, a day apart.
func auditedLedger(ts *testscript.TestScript, _ bool, args []string) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	l, err := bolt.Open(ts.MkAbs(args[0]), at, time.Minute)
	ts.Check(err)
	for i, instance := range []string{"one", "one", "one", "two"} {
		at := at.AddDate(0, 0, i)
		c := ledger.Claim{
			Key:     ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com", ID: fmt.Sprintf("CHG%d-1", i+1)},
			Project: "056538411200d4cd2f79c003c7606412", Instance: instance, Slot: "slot", Order: at, Stored: json.RawMessage(`{}`), Nonce: "nonce", Now: at,
		}
		o := ledger.Outcome{Result: "rejected", At: at, Audit: json.RawMessage(fmt.Sprintf(`{"approved_by":["approver%d@example.com"]}`, i+1))}
		ts.Check(l.Reject(context.Background(), c, o))
		ts.Check(l.Mark(context.Background(), c.Key, c.Nonce, at, at.AddDate(10, 0, 0)))
	}
	ts.Check(l.Close())
}
