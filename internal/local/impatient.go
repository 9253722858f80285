package local

import (
	"context"
	"io"
	"net/http"
	"time"
)

// impatient stops waiting for the rest of a request once the context has ended:
// nobody knows when a client that has sent half of its body goes on, and nothing
// has been done for it. [http.Server.Shutdown] would wait for it as for one that
// is being worked on.
func impatient(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			stop := context.AfterFunc(ctx, func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now()) })
			defer stop()
			r.Body = &arriving{r.Body, stop}
		}
		next.ServeHTTP(w, r)
	})
}

// arriving is a body that is waited for until it has been read.
type arriving struct {
	io.ReadCloser
	read func() bool
}

func (b *arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.read()
	}
	return n, err
}
