package doors

import (
	"net/http"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// brokered answers a broker, which sends an event again at 404, 408, 409, 429 and
// 5xx, and at no other 4xx (Knative's specs/eventing/data-plane.md): what never will
// be applied is no 409, and what is on record to be taken up when it is due is
// taken: a broker's few tries would end before. Where it prefers a reply, it has it at 200, for one at 202
// is none.
func brokered(header http.Header, id string, r engine.Result) Response {
	if r.Kind == engine.Completed && prefers(header, "reply") {
		reply, body, err := cloudevent.EncodeHTTPBinary(r.Event.Event)
		if err != nil {
			return response(id, later(err.Error()))
		}
		return Response{Status: http.StatusOK, Header: reply, Body: body}
	}
	if r.Kind == engine.Later && r.Stored {
		return Response{Status: http.StatusAccepted, Header: http.Header{ReasonHeader: {headerText(string(r.Error.Code) + ": " + r.Error.Detail)}}}
	}
	if r.Kind == engine.Rejected {
		p := errorProblem(id, r)
		if p.Status == http.StatusConflict {
			p.Status = http.StatusUnprocessableEntity
		}
		return p.response()
	}
	return response(id, r)
}

// prefers tells whether a preference (RFC 7240) is among those of a request.
func prefers(header http.Header, preference string) bool {
	return slices.ContainsFunc(header.Values("Prefer"), func(list string) bool {
		for one := range strings.SplitSeq(list, ",") {
			name, _, _ := strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(name), preference) {
				return true
			}
		}
		return false
	})
}
