package local

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
)

// Listen listens on an address. On one that others than this machine reach it
// does so only where senders sign, or where the configuration says that
// something else guards it.
func Listen(c config.Config, addr string) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	if !at.IP.IsLoopback() && len(c.WebhookSecrets) == 0 && !c.WebhooksStored && !c.Open {
		return nil, errors.New(addr + ": whoever reaches it could flip switches; expected a loopback address, or INTERLOCK_WEBHOOK_SECRETS, or INTERLOCK_OPEN=true where something else guards it")
	}
	return net.ListenTCP("tcp", at)
}

// guarded refuses what a page of somebody else's makes a browser send: a
// request with a foreign Origin, and one that reached this machine's own
// address under a name that is not this machine's, which the page's owner has
// rebound to it. In front of what is open stands somebody who knows the names.
func guarded(next http.Handler, open bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open && onLoopback(r) && !ours(r.Host) {
			doors.Foreign(w, fmt.Sprintf("found the host %.64q, expected localhost or a loopback address; INTERLOCK_OPEN=true takes any", r.Host))
			return
		}
		for _, origin := range r.Header.Values("Origin") {
			if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
				doors.Foreign(w, fmt.Sprintf("found the origin %.64q, expected none, or that of this host", origin))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// atHome shows the page, which tells everything to whoever reaches it, to people
// at this machine alone: not at another address, not by what a proxy on this
// machine has passed on, and not where something else guards the address, since
// that lets programs in, and nobody has said that it lets people in.
func atHome(page http.Handler, open bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open || !onLoopback(r) || passedOn(r) {
			doors.NotFound(w, "the page is shown at a loopback address only, to this machine, and not with INTERLOCK_OPEN")
			return
		}
		page.ServeHTTP(w, r)
	})
}

// unlessPublic tells programs what is going on, to this machine and where something
// else guards the address; not where senders from anywhere come in by their keys.
func unlessPublic(next http.Handler, open bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open && (!onLoopback(r) || passedOn(r)) {
			doors.NotFound(w, "metrics are told to this machine, where INTERLOCK_OPEN is set, and at the address of INTERLOCK_METRICS")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// passedOn tells whether a proxy has passed a request on.
func passedOn(r *http.Request) bool {
	return r.Header.Get("Forwarded")+r.Header.Get("X-Forwarded-For")+r.Header.Get("X-Forwarded-Host")+r.Header.Get("Via") != ""
}

// onLoopback tells whether a connection came in at a loopback address.
func onLoopback(r *http.Request) bool {
	at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// ours tells whether a Host header names this machine to itself.
func ours(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}
