package doors

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	lambdaevents "github.com/aws/aws-lambda-go/events"

	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
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

// authorized tells whether AWS has let the request pass for what it showed: a
// signature of IAM, of which a function URL and an HTTP API tell alike; a token
// that an HTTP API's authorizer took, its own or a function; a certificate of
// mutual TLS. The context is AWS's own word, and nothing of it is the sender's.
// A function URL whose AuthType is NONE has none of these.
func authorized(context *jsontree.Node) bool {
	by := context.Get("authorizer")
	return isText(by.Get("iam").Get("userArn")) ||
		says(by.Get("jwt").Get("claims")) || says(by.Get("lambda")) ||
		isText(context.Get("authentication").Get("clientCert").Get("clientCertPem"))
}

func says(n *jsontree.Node) bool { return n.Is(jsontree.Object) && len(n.Members) > 0 }

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
		Door: admission.URL, Admitted: authorized(n.Get("requestContext")),
	}
	if b := n.Get("isBase64Encoded"); b == nil || string(b.Raw) != "true" {
		return req, true
	}
	var err error
	req.Body, err = base64.StdEncoding.DecodeString(string(req.Body))
	return req, err == nil
}
