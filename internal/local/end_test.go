package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What does not come to its end is closed, and that is no error.
func TestEndEnds(t *testing.T) {
	working, free := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(working)
		<-free
	}))
	defer s.Close()
	defer close(free)
	failed := make(chan error, 1)
	go func() {
		res, err := http.Get(s.URL)
		if err == nil {
			err = res.Body.Close()
		}
		failed <- err
	}()
	<-working
	require.NoError(t, end(s.Config, time.Millisecond))
	require.Error(t, <-failed)
}

// The rest of a body is waited for until the process is to end, and never after;
// a body that has come whole is worked on in peace.
func TestImpatience(t *testing.T) {
	for name, sent := range map[string]string{"half": "12345", "whole": "1234567890"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			reading, read := make(chan struct{}), make(chan string, 1)
			s := httptest.NewServer(impatient(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(reading)
				body, err := io.ReadAll(r.Body)
				cancel()
				read <- fmt.Sprint(string(body), err == nil)
			})))
			defer s.Close()
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			require.NoError(t, err)
			defer c.Close()
			_, err = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n%s", sent)
			require.NoError(t, err)
			<-reading
			if name == "half" {
				cancel()
			}
			require.Equal(t, fmt.Sprint(sent, name == "whole"), <-read)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusOK, res.StatusCode)
		})
	}
}
