package doors

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	lambdaevents "github.com/aws/aws-lambda-go/events"

	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// functionURL answers a request to a function URL, or to an HTTP API with
// payload format 2.0.
func (d *Door) functionURL(ctx context.Context, n *jsontree.Node) ([]byte, error) {
	context := n.Get("requestContext")
	r := d.gateway(ctx, n, Request{
		Method: text(context.Get("http").Get("method")), Header: members(n.Get("headers")),
		Query: text(n.Get("rawQueryString")), Admitted: authorized(context),
	})
	return json.Marshal(lambdaevents.LambdaFunctionURLResponse{
		StatusCode: r.Status, Headers: joined(r.Header), Body: string(r.Body), Cookies: []string{},
	})
}

// restAPI answers a request to a REST API, or to an HTTP API with payload
// format 1.0.
func (d *Door) restAPI(ctx context.Context, n *jsontree.Node) ([]byte, error) {
	r := d.gateway(ctx, n, Request{
		Method: text(n.Get("httpMethod")), Header: several(n, "multiValueHeaders", "headers"),
		Query:    url.Values(several(n, "multiValueQueryStringParameters", "queryStringParameters")).Encode(),
		Admitted: authorizedByAPI(n.Get("requestContext")),
	})
	return json.Marshal(lambdaevents.APIGatewayProxyResponse{StatusCode: r.Status, Headers: joined(r.Header), Body: string(r.Body)})
}

// loadBalancer answers a request to an Application Load Balancer, which lets
// everybody pass: of who signs in at it, it tells in headers only. It hands the
// query over as it was sent, and wants its answer's headers in the member in
// which it sends those of requests.
func (d *Door) loadBalancer(ctx context.Context, n *jsontree.Node) ([]byte, error) {
	var query []string
	for name, values := range several(n, "multiValueQueryStringParameters", "queryStringParameters") {
		for _, value := range values {
			query = append(query, name+"="+value)
		}
	}
	r := d.gateway(ctx, n, Request{
		Method: text(n.Get("httpMethod")), Header: several(n, "multiValueHeaders", "headers"), Query: strings.Join(query, "&"),
	})
	answer := lambdaevents.ALBTargetGroupResponse{
		StatusCode: r.Status, StatusDescription: strconv.Itoa(r.Status) + " " + http.StatusText(r.Status), Body: string(r.Body),
	}
	if n.Get("multiValueHeaders").Is(jsontree.Object) {
		answer.MultiValueHeaders = r.Header
	} else {
		answer.Headers = joined(r.Header)
	}
	return json.Marshal(answer)
}

// apig answers a request to Huawei Cloud's API Gateway, which does not say whether
// it has authenticated anybody: that is for the configuration to say.
func (d *Door) apig(ctx context.Context, n *jsontree.Node) ([]byte, error) {
	r := d.gateway(ctx, n, Request{
		Method: text(n.Get("httpMethod")), Header: members(n.Get("headers")),
		Query: url.Values(members(n.Get("queryStringParameters"))).Encode(), Admitted: d.Open,
	})
	return json.Marshal(struct {
		Status  int               `json:"statusCode"`
		Header  map[string]string `json:"headers"`
		Body    string            `json:"body"`
		Encoded bool              `json:"isBase64Encoded"`
	}{r.Status, joined(r.Header), string(r.Body), false})
}

// gateway answers a request that somebody hands over in JSON, once it has its
// body.
func (d *Door) gateway(ctx context.Context, n *jsontree.Node, req Request) Response {
	req.Door, req.Body = admission.URL, []byte(text(n.Get("body")))
	if b := n.Get("isBase64Encoded"); b != nil && string(b.Raw) == "true" {
		var err error
		if req.Body, err = base64.StdEncoding.DecodeString(string(req.Body)); err != nil {
			return problem{Title: "The body could not be read", Status: http.StatusBadRequest, Code: "unreadable",
				Detail: "found no Base64, though isBase64Encoded"}.response()
		}
	}
	return d.HTTP(ctx, req)
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

// authorizedByAPI is authorized in payload format 1.0. There a function that is
// an authorizer has to name a principalId, as a REST API asks of it anyway:
// an HTTP API has members in its place where nobody has authorized anything. An
// API key, which the identity names too, lets nobody pass: AWS has it for
// metering, and not for authorization.
func authorizedByAPI(context *jsontree.Node) bool {
	by, identity := context.Get("authorizer"), context.Get("identity")
	return isText(identity.Get("userArn")) || says(by.Get("claims")) || isText(by.Get("principalId")) ||
		isText(identity.Get("clientCert").Get("clientCertPem"))
}

func says(n *jsontree.Node) bool { return n.Is(jsontree.Object) && len(n.Members) > 0 }

// members are the texts of an object by their names.
func members(n *jsontree.Node) http.Header {
	all := http.Header{}
	if n.Is(jsontree.Object) {
		for _, m := range n.Members {
			all[m.Name] = []string{m.Value.Text}
		}
	}
	return all
}

// several are the values of a member that has all of each name, or else of one
// that has one of each.
func several(n *jsontree.Node, all, one string) http.Header {
	lists := n.Get(all)
	if !lists.Is(jsontree.Object) {
		return members(n.Get(one))
	}
	values := http.Header{}
	for _, m := range lists.Members {
		for i := range m.Value.Items {
			values[m.Name] = append(values[m.Name], m.Value.Items[i].Text)
		}
	}
	return values
}

func joined(header http.Header) map[string]string {
	one := make(map[string]string, len(header))
	for name, values := range header {
		one[name] = strings.Join(values, ", ")
	}
	return one
}
