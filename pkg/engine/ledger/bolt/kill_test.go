package bolt_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// victim names the file that a child process writes until it is killed.
const victim = "TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victim); path != "" {
		fmt.Fprintln(os.Stderr, write(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// write settles one decision after another, and says so on standard output.
func write(path string) error {
	ctx := context.Background()
	l, err := bolt.Open(path, now, quiet)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		c := claim(fmt.Sprintf("%d of %d", i, os.Getpid()), now)
		if _, err := l.Claim(ctx, c); err != nil {
			return err
		}
		fmt.Println("claimed", strconv.Quote(c.Key.ID))
		if err := l.Settle(ctx, c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: now, JobID: c.Key.ID}); err != nil {
			return err
		}
		fmt.Println("settled", strconv.Quote(c.Key.ID))
		if err := l.Mark(ctx, c.Key, c.Nonce, now, now.Add(time.Hour)); err != nil {
			return err
		}
		fmt.Println("emitted", strconv.Quote(c.Key.ID))
	}
}

// Whatever was answered is there after the process was killed, and the file is
// whole.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	rank := map[string]int{"claimed": 1, "settled": 2, "emitted": 3}
	answered := make(map[string]int)
	for range 12 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), victim+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := rand.IntN(20); lines.Scan(); n-- {
			var step, id string
			_, err := fmt.Sscanf(lines.Text(), "%s %q", &step, &id)
			require.NoError(t, err, lines.Text())
			answered[id] = rank[step]
			if n == 0 {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait())
	}
	l := open(t, path, now)
	defer l.Close()
	require.NotEmpty(t, answered)
	for id, least := range answered {
		d, err := l.Get(t.Context(), claim(id, now).Key)
		require.NoError(t, err)
		got := map[ledger.State]int{ledger.Working: 1, ledger.Settled: 2}[d.State]
		if !d.Emitted.IsZero() {
			got = 3
		}
		require.GreaterOrEqual(t, got, least, id)
		require.LessOrEqual(t, got, least+1, id)
	}
}

func TestWaitsForTheDisk(t *testing.T) {
	waits, err := bolt.Waits(filepath.Join(t.TempDir(), "ledger.db"), now, quiet)
	require.NoError(t, err)
	require.True(t, waits)
}
