package local

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/interlock-functions/interlock/internal/page"
	"github.com/interlock-functions/interlock/internal/position"
)

// looked is a desk as the page reads it.
type looked struct{ Desk }

// Halted is as in [page.Source]. What halts functions on AWS cannot be told from here.
func (l looked) Halted(ctx context.Context) (bool, error) {
	h, err := l.Desk.Halted(ctx)
	if errors.Is(err, ErrNoHalt) {
		return false, nil
	}
	return h.Ledger || h.Variable, err
}

// ServePage shows the page of a ledger that others write to, until the context ends.
// It only reads: while somebody looks, the whole ledger once in every. cloud is what
// positions are compared with; nil: they are not.
func ServePage(ctx context.Context, l net.Listener, d Desk, cloud *position.Cloud, every time.Duration) error {
	p := page.New(page.Poll(looked{d}, every))
	p.Compare(cloud)
	server := &http.Server{Handler: impatient(ctx, guarded(atHome(p, false), false)), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	server.RegisterOnShutdown(p.Close)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		err = end(server, longestEnd)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
