package doors

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	lambdaevents "github.com/aws/aws-lambda-go/events"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// functionURL answers a request to a function URL, or to an HTTP API with
// payload format 2.0.
func (d *Door) functionURL(ctx context.Context, n *jsontree.Node) ([]byte, error) {
	req, ok := request(n)
	r := problem{Title: "The body could not be read", Status: http.StatusBadRequest, Code: "unreadable",
		Detail: "found no Base64, though isBase64Encoded"}.response()
	if ok {
		r = d.HTTP(ctx, req)
	}
	answer := lambdaevents.LambdaFunctionURLResponse{
		StatusCode: r.Status, Headers: make(map[string]string, len(r.Header)), Body: string(r.Body), Cookies: []string{},
	}
	for name, values := range r.Header {
		answer.Headers[name] = strings.Join(values, ", ")
	}
	return json.Marshal(answer)
}

func request(n *jsontree.Node) (Request, bool) {
	header := http.Header{}
	if h := n.Get("headers"); h != nil {
		for _, m := range h.Members {
			header[m.Name] = []string{m.Value.Text}
		}
	}
	req := Request{
		Method: text(n.Get("requestContext").Get("http").Get("method")), Header: header,
		Query: text(n.Get("rawQueryString")), Body: []byte(text(n.Get("body"))),
	}
	if b := n.Get("isBase64Encoded"); b == nil || string(b.Raw) != "true" {
		return req, true
	}
	var err error
	req.Body, err = base64.StdEncoding.DecodeString(string(req.Body))
	return req, err == nil
}
