package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/bench/budget"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// rounds is how many decisions are measured in each ledger, one after the other.
const rounds = 100

// grown is a file of bolt, and what was measured in it.
type grown struct {
	ledger.Ledger
	n      int
	bytes  float64 // of the file
	open   time.Duration
	claims []time.Duration
	writes []uint64 // for a decision
	cpu    time.Duration
	memory uint64
}

// files measures files of bolt in turn.
func (m *mold) files(w io.Writer, dir, text string) ([]budget.Budget, error) {
	want, err := sizes(text)
	if err != nil {
		return nil, err
	}
	var all []*grown
	for _, n := range want {
		g, err := m.file(filepath.Join(dir, fmt.Sprint(n, ".db")), n)
		if err != nil {
			return nil, err
		}
		defer g.Close()
		all = append(all, g)
	}
	for i := range rounds {
		for _, g := range all {
			if err := m.round(g, g.n+i); err != nil {
				return nil, err
			}
		}
	}
	for _, g := range all {
		if g.cpu, g.memory, err = listed(g, target(g.n/2)); err != nil {
			return nil, err
		}
	}
	fmt.Fprint(w, "A file of bolt:\n\n| decisions | file MB | to open s | a claim ms | written for a decision KB | pages | its target's decisions: CPU ms | memory MB |\n|---|---|---|---|---|---|---|---|\n")
	for _, g := range all {
		fmt.Fprintf(w, "| %d | %.0f | %.2f | %.2f | %.1f | %.1f | %.0f | %.1f |\n", g.n, g.bytes/1e6, g.open.Seconds(), ms(middle(g.claims)),
			float64(middle(g.writes))/1024, float64(middle(g.writes))/float64(os.Getpagesize()), ms(g.cpu), float64(g.memory)/1e6)
	}
	first, last := all[0], all[len(all)-1]
	return []budget.Budget{
		{What: fmt.Sprintf("bolt, %d decisions: written for one more", last.n), Found: float64(middle(last.writes)) / 1024, Limit: 320, Goal: 64, Unit: "KB"},
		{What: fmt.Sprintf("bolt, %d decisions: a claim", last.n), Found: float64(middle(last.claims)) / float64(middle(first.claims)), Limit: 1.5, Unit: fmt.Sprintf("× one at %d", first.n)},
		{What: fmt.Sprintf("bolt, %d decisions: those of a target, CPU", last.n), Found: ms(last.cpu), Limit: 100, Unit: "ms"},
		{What: fmt.Sprintf("bolt, %d decisions: those of a target, memory", last.n), Found: float64(last.memory) / 1e6, Limit: 64, Unit: "MB"},
	}, nil
}

// file makes a file, and opens it again as a new process would.
func (m *mold) file(path string, n int) (*grown, error) {
	began := time.Now()
	l, err := bolt.Open(path, time.Now(), time.Minute)
	if err == nil {
		err = errors.Join(m.put(context.Background(), l, 0), l.Close())
	}
	if err == nil {
		err = m.multiply(path, n)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "a file with %d decisions, in %s\n", n, time.Since(began).Round(time.Second))
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	g := &grown{n: n, bytes: float64(info.Size())}
	began = time.Now()
	l, err = bolt.Open(path, time.Now(), time.Minute)
	g.Ledger, g.open = l, time.Since(began)
	return g, err
}

// multiply copies the one decision of a file, bucket by bucket and in the order of the
// keys, so that no page is written twice. A record has its checksum before it, and a
// bucket the number of its records as its sequence.
func (m *mold) multiply(path string, n int) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		return err
	}
	type entry struct{ bucket, key, value []byte }
	var all []entry
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if string(name) == "meta" {
				return nil
			}
			return b.ForEach(func(k, v []byte) error {
				all = append(all, entry{bytes.Clone(name), bytes.Clone(k), bytes.Clone(v)})
				return nil
			})
		})
	})
	for _, e := range all {
		if err == nil {
			err = m.multiplied(db, e.bucket, e.key, e.value[crc32.Size:], n)
		}
	}
	return errors.Join(err, db.Sync(), db.Close())
}

// atATime is how many records are put in one transaction.
const atATime = 20_000

func (m *mold) multiplied(db *bbolt.DB, bucket, key, value []byte, n int) error {
	type copied struct {
		key []byte
		n   int
	}
	names, values := m.form(key), m.form(value)
	all := make([]copied, 0, n-1)
	for i := 1; i < n; i++ {
		all = append(all, copied{names.with(m.names(i)), i})
	}
	slices.SortFunc(all, func(a, b copied) int { return bytes.Compare(a.key, b.key) })
	table := crc32.MakeTable(crc32.Castagnoli)
	for some := range slices.Chunk(all, atATime) {
		err := db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucket)
			b.FillPercent = 0.7 // as pages are that grew in no order
			for _, c := range some {
				text := values.with(m.names(c.n))
				sum := crc32.Update(crc32.Checksum(c.key, table), table, text)
				if err := b.Put(c.key, append(binary.BigEndian.AppendUint32(nil, sum), text...)); err != nil {
					return err
				}
			}
			return b.SetSequence(b.Sequence() + uint64(len(some)))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// round measures one decision more.
func (m *mold) round(g *grown, n int) error {
	ctx, d := context.Background(), m.make(n)
	before, err := written()
	if err != nil {
		return err
	}
	began := time.Now()
	_, err = g.Claim(ctx, d.claim)
	g.claims = append(g.claims, time.Since(began))
	if err == nil {
		err = g.Settle(ctx, d.claim.Key, d.claim.Nonce, d.outcome)
	}
	if err == nil {
		err = g.Mark(ctx, d.claim.Key, d.claim.Nonce, d.claim.Now, d.claim.Now.AddDate(0, 3, 0))
	}
	after, unread := written()
	g.writes = append(g.writes, after-before)
	return errors.Join(err, unread)
}

// written is how many bytes this process has written so far, as Linux counts.
func written() (uint64, error) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "wchar: ")
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseUint(line, 10, 64)
}

// listed lists a target's decisions as the commands do, and says what that took.
func listed(l ledger.Ledger, target string) (cpu time.Duration, memory uint64, err error) {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	before := s.HeapAlloc
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := before
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
				runtime.ReadMemStats(&s)
				most = max(most, s.HeapAlloc)
			}
		}
	}()
	began := used()
	found, err := (&account.Filter{Target: target}).In(context.Background(), lister{l})
	cpu = used() - began
	close(stop)
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("decisions of %s: found %d, expected 1", target, len(found))
	}
	return cpu, <-peak - before, err
}

// used is the CPU that this process has used so far.
func used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// host is the local program on a file.
func host(path string, halt bool) (*local.Host, error) {
	c := settings(config.Place{Kind: "bolt", Rest: path})
	c.Halt = halt
	return local.Open(c, functions.All(), local.Options{Cloud: &http.Client{Transport: nobody{}}, Bus: new(bus.Memory)})
}

// nobody is a cloud that is not there.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody is there")
}

// waiting is the CPU that the local program uses while decisions wait for the end of
// a halt.
func (m *mold) waiting(path string, n int) (b budget.Budget, err error) {
	h, err := host(path, true)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	err = together(n, 1024, func(i int) error {
		d := m.make(i)
		return h.Ledger.Wait(context.Background(), d.claim, ledger.Wait{Due: d.claim.Now, Last: ledger.Note{At: d.claim.Now, Code: "unavailable", Patient: true}})
	})
	if err != nil {
		return b, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return b, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx, l) }()
	const long = 20 * time.Second
	time.Sleep(3 * time.Second) // the first of them are put off
	began := used()
	time.Sleep(long)
	share := float64(used()-began) / float64(long)
	cancel()
	return budget.Budget{What: fmt.Sprintf("%d decisions that wait under a halt: CPU", n), Found: 100 * share, Limit: 1, Unit: "% of a core"}, <-ended
}

// started is the CPU that the local program uses until it has started, where jobs are
// followed: how long that takes is the disk's to say, for the file is read whole.
func (m *mold) started(path string, n int) (b budget.Budget, err error) {
	l, err := bolt.Open(path, time.Now(), time.Minute)
	if err != nil {
		return b, err
	}
	err = together(n, 1024, func(i int) error {
		if err := m.put(context.Background(), l, i); err != nil {
			return err
		}
		d := m.make(i)
		d.claim.Key = ledger.Key{Switch: engine.JobFollow, Source: "urn:x", ID: strconv.Itoa(i)}
		d.claim.Ticket = ""
		return l.Wait(context.Background(), d.claim, ledger.Wait{Due: time.Now().Add(time.Hour)})
	})
	if err = errors.Join(err, l.Close()); err != nil {
		return b, err
	}
	began, from := used(), time.Now()
	h, err := host(path, false)
	took := used() - began
	fmt.Fprintf(os.Stderr, "a start with %d followed jobs, in %s\n", n, time.Since(from).Round(time.Millisecond))
	if err == nil {
		err = h.Close()
	}
	return budget.Budget{What: fmt.Sprintf("a start with %d followed jobs: CPU", n), Found: took.Seconds(), Limit: 1, Unit: "s"}, err
}
