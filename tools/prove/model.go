package main

import (
	"context"
	"path/filepath"
	"strconv"
	"time"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// replayed is how many random runs of the model are replayed.
const replayed = 1000

// model checks the model of the protocol, and replays new runs of it through the
// engine.
func (r *report) model(ctx context.Context, logs string) error {
	err := gocmd.Lines(ctx, func(line string) {
		r.counts(line)
		r.say("   %s", line)
	}, "make", "--no-print-directory", "model-quick")
	if err != nil {
		return err
	}
	traces, err := filepath.Abs(filepath.Join(logs, "traces.json.gz"))
	if err != nil {
		return err
	}
	seed := strconv.FormatInt(time.Now().Unix(), 10)
	r.say("   %d traces from seed %s", replayed, seed)
	if err := gocmd.Lines(ctx, func(string) {}, gocmd.Go, "run", "./tools/model", "-traces", traces, "-record", strconv.Itoa(replayed), "-seed", seed); err != nil {
		return err
	}
	return r.goTest(ctx, filepath.Join(logs, "model.log"), gocmd.Go, "test", "-json", "-count=1", "-run", "^TestModelTraces$", "./internal/proof", "-args", "-traces", traces)
}
