package doors

import (
	"net/http"
	"time"
)

// NotFound answers a request for what there is not.
func NotFound(w http.ResponseWriter, detail string) {
	write(w, problem{Title: "Not found", Status: http.StatusNotFound, Code: "not-found", Detail: detail}.response())
}

// NotReady answers whoever asks whether events may be sent here.
func NotReady(w http.ResponseWriter, detail string) {
	write(w, problem{Title: "Not ready", Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: detail, wait: time.Second}.response())
}

// Foreign answers a request that came by way of a page of somebody else's.
func Foreign(w http.ResponseWriter, detail string) {
	write(w, problem{Title: "The request is not from here", Status: http.StatusForbidden, Code: "foreign", Detail: detail}.response())
}
