package doors

import (
	"net/http"
	"net/url"

	"github.com/interlock-functions/interlock/internal/cloudevent"
)

// fromParameter of a URL's query names the producer whose message the body is.
// Without it, what is no CloudEvent by its headers is refused: nobody's JSON is
// taken for an approval by its looks.
const fromParameter = "from"

// decodeHTTP decodes the events of a request.
func (d *Door) decodeHTTP(req Request) (cloudevent.Mode, []cloudevent.Item, error) {
	query, err := url.ParseQuery(req.Query)
	from, ok := query[fromParameter]
	if err != nil || !ok {
		return cloudevent.DecodeHTTP(req.Header, req.Body)
	}
	name := ""
	if len(from) == 1 {
		name = from[0]
	}
	ev, err := d.Producers.DecodeFrom(name, req.Body)
	return cloudevent.Structured, []cloudevent.Item{{Event: ev, Err: err}}, err
}

// unauthorized answers a request that nobody signed who may. It says what is
// wrong with the signature's form, never what would have been right.
func unauthorized(err error) Response {
	r := problem{Title: "The message is not signed by a known sender", Status: http.StatusUnauthorized, Code: "unauthorized", Detail: err.Error()}.response()
	// RFC 9110, 11.6.1, asks for it.
	r.Header.Set("WWW-Authenticate", "Standard-Webhooks")
	return r
}

func tooManyHeaders(header http.Header) bool {
	count, size := 0, 0
	for name, values := range header {
		for _, value := range values {
			count++
			size += len(name) + len(value)
		}
	}
	return count > MaxHeaders || size > MaxHeader
}
