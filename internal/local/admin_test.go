package local_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// office is a world whose ledger an operator goes to, by its file.
type office struct {
	*localtest.World
	file string
}

func opened(t *testing.T) *office {
	file := filepath.Join(t.TempDir(), "interlock.db")
	return &office{localtest.Start(t, localtest.Options{Environ: []string{"INTERLOCK_LEDGER=bolt:" + file}}), file}
}

func (o *office) desk(t *testing.T) local.Desk {
	t.Helper()
	c, err := config.ReadLedger([]string{"INTERLOCK_LEDGER=bolt:" + o.file}, "", "memory:")
	require.NoError(t, err)
	d, err := local.OpenDesk(t.Context(), c, functions.All(), local.Options{Now: o.Now})
	require.NoError(t, err)
	return d
}

// The desk is the same, whether the ledger's file is free or another process has
// it.
func TestDesk(t *testing.T) {
	for _, held := range []bool{false, true} {
		t.Run(map[bool]string{false: "free", true: "held"}[held], func(t *testing.T) {
			o := opened(t)
			sample := localtest.Sample(t, "ticket.approved", "proxy-ssl")
			require.Equal(t, 202, o.Post(t, "proxyssl", sample).Status)
			require.NoError(t, o.Cloud.Inject(cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.CutBefore}))
			for _, op := range []string{cloudsim.ListImmediateJobs, cloudsim.ShowJob} { // so that the first job's end is not known
				require.NoError(t, o.Cloud.Inject(cloudsim.Fault{Operation: op, Kind: cloudsim.Status, Status: 500}))
			}
			o.Advance(time.Minute)
			require.Equal(t, 503, o.Post(t, "multitenant", localtest.Sample(t, "ticket.approved", "multi-tenancy")).Status)
			o.Bus.Take()
			var doubtful ledger.Key
			want := map[ledger.Key]ledger.Record{}
			for d, err := range o.Host.Ledger.All(t.Context()) {
				require.NoError(t, err)
				want[d.Key] = d
				if d.Key.Switch == "multi-tenancy" {
					doubtful = d.Key
				}
			}
			if held {
				o.Serve(t)
			} else {
				require.NoError(t, o.Host.Close())
			}

			desk := o.desk(t)
			got := map[ledger.Key]ledger.Record{}
			for d, err := range desk.Decisions(t.Context()) {
				require.NoError(t, err)
				got[d.Key] = d
				one, err := desk.Decision(t.Context(), d.Key)
				require.NoError(t, err)
				require.Equal(t, d, one)
			}
			require.Equal(t, want, got)
			for range desk.Decisions(t.Context()) {
				break
			}
			_, err := desk.Decision(t.Context(), ledger.Key{Switch: "proxy-ssl"})
			require.ErrorIs(t, err, ledger.ErrNotFound)

			_, err = desk.Resolve(t.Context(), doubtful, engine.Resolution{As: engine.WasApplied})
			require.ErrorContains(t, err, "who resolves it")
			_, err = desk.Resolve(t.Context(), doubtful, engine.Resolution{As: engine.WasApplied, By: "me"})
			var rests *engine.HeldError
			require.ErrorAs(t, err, &rests)
			require.Equal(t, want[doubtful].Due, rests.Until)
			require.True(t, rests.Own && rests.Quiet)

			for _, halt := range []bool{true, false} {
				require.NoError(t, desk.SetHalt(t.Context(), halt))
				on, err := desk.Halted(t.Context())
				require.NoError(t, err)
				require.Equal(t, local.Halt{Ledger: halt}, on)
			}
			require.NoError(t, desk.Close())
		})
	}
}

// A halt stops calls in the process that runs, and is kept over a restart.
func TestHalt(t *testing.T) {
	o := opened(t)
	stop := o.Serve(t)
	desk := o.desk(t)
	require.NoError(t, desk.SetHalt(t.Context(), true))
	sample := localtest.Sample(t, "ticket.approved", "proxy-ssl")
	require.Equal(t, "calls are halted by the operator", o.Post(t, "proxyssl", sample).Problem(t).Detail)
	stop()
	o.Restart(t)
	require.Equal(t, 503, o.Post(t, "proxyssl", sample).Status)
	require.Empty(t, o.Flips())
	o.Serve(t)
	require.NoError(t, o.desk(t).SetHalt(t.Context(), false))
	o.Advance(time.Minute)
	answer := o.Post(t, "proxyssl", sample)
	for answer.Status == 409 { // the sweep has it at the moment
		answer = o.Post(t, "proxyssl", sample)
	}
	require.Equal(t, 202, answer.Status)
	require.Len(t, o.Flips(), 1)
}

// A configuration that halts does so whatever the ledger says, and the desk
// tells it from afar.
func TestHaltByVariable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "interlock.db")
	o := &office{localtest.Start(t, localtest.Options{Environ: []string{"INTERLOCK_LEDGER=bolt:" + file, "INTERLOCK_HALT=true"}}), file}
	o.Serve(t)
	desk := o.desk(t)
	require.NoError(t, desk.SetHalt(t.Context(), false))
	by, err := desk.Halted(t.Context())
	require.NoError(t, err)
	require.Equal(t, local.Halt{Variable: true}, by)
}

// The desk's address is for those who can read its file, and is gone with the
// process.
func TestDeskFile(t *testing.T) {
	o := opened(t)
	file := o.file + ".serve"
	require.NoError(t, os.WriteFile(file, []byte("left by one that was killed"), 0o600))
	stop := o.Serve(t)
	o.desk(t)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var at struct{ URL, Token string }
	require.NoError(t, json.Unmarshal(text, &at))
	require.True(t, strings.HasPrefix(at.URL, "http://127.0.0.1:"), at.URL)
	require.NotEqual(t, o.URL, at.URL)

	for header, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer x": 401, at.Token: 401, "Bearer " + at.Token: 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.URL+"/halt", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", header)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, header)
	}
	for _, path := range []string{"/halt", "/decisions", "/resolve"} {
		res, err := http.Get(o.URL + path)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 404, res.StatusCode, "on the public address")
	}
	stop()
	require.NoFileExists(t, file)
	left, err := filepath.Glob(o.file + "*")
	require.NoError(t, err)
	require.Equal(t, []string{o.file}, left)
}

// A ledger that cannot be asked says why.
func TestNoDesk(t *testing.T) {
	desk := func(l config.Place) error {
		_, err := local.OpenDesk(t.Context(), config.Config{Ledger: l}, functions.All(), local.Options{})
		return err
	}
	require.ErrorContains(t, desk(config.Place{Kind: "memory"}), "expected bolt:PATH, dynamodb:TABLE or postgres:URL")
	nowhere := filepath.Join(t.TempDir(), "interlock.db")
	require.ErrorContains(t, desk(config.Place{Kind: "bolt", Rest: nowhere}), "there is none")
	require.NoFileExists(t, nowhere)

	// Another process has the file, and nobody answers.
	o := opened(t)
	err := desk(config.Place{Kind: "bolt", Rest: o.file})
	require.ErrorContains(t, err, "in use by another process")
	require.ErrorContains(t, err, o.file+".serve")
}

// What others could have written is not believed: it might send an operator's
// halt to somebody who answers that it was done.
func TestDeskFileOfOthers(t *testing.T) {
	asked := 0
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{"halted":true}`))
	}))
	t.Cleanup(liar.Close)
	o := opened(t)
	file := o.file + ".serve"
	text := []byte(`{"url":"` + liar.URL + `","token":"t"}`)
	open := func() error {
		_, err := local.OpenDesk(t.Context(), config.Config{Ledger: config.Place{Kind: "bolt", Rest: o.file}}, functions.All(), local.Options{})
		return err
	}
	require.NoError(t, os.WriteFile(file, text, 0o600))
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
		require.NoError(t, os.Chmod(file, mode))
		require.ErrorContains(t, open(), file+": found one of mode "+mode.String())
	}
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chmod(file, 0o600))
		require.NoError(t, os.Chown(file, 4711, -1))
		require.ErrorContains(t, open(), "found one of the user 4711, expected a file of this user's own")
		require.NoError(t, os.Chown(file, 0, -1))
	}
	require.Zero(t, asked)
	for _, mode := range []os.FileMode{0o600, 0o644} {
		require.NoError(t, os.Chmod(file, mode))
		require.NoError(t, open())
	}
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Mkdir(file, 0o700))
	require.ErrorContains(t, open(), "found no plain file")
}
