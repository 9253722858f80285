package doors

import "net/http"

// NotFound answers a request for what there is not.
func NotFound(w http.ResponseWriter, detail string) {
	write(w, problem{Title: "Not found", Status: http.StatusNotFound, Code: "not-found", Detail: detail}.response())
}
