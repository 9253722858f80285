package doors

import "net/http"

// NotFound answers a request for what there is not.
func NotFound(w http.ResponseWriter, detail string) {
	write(w, problem{Title: "Not found", Status: http.StatusNotFound, Code: "not-found", Detail: detail}.response())
}

// Foreign answers a request that came by way of a page of somebody else's.
func Foreign(w http.ResponseWriter, detail string) {
	write(w, problem{Title: "The request is not from here", Status: http.StatusForbidden, Code: "foreign", Detail: detail}.response())
}
