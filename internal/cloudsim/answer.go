package cloudsim

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// request is a call as it came over the wire.
type request struct {
	method, host, path, rawQuery string
	header                       http.Header
	body                         []byte
	tooLarge                     bool

	id     string
	op     *Operation // nil: no such API
	target Target
	query  url.Values
}

// reply is an answer before it is written.
type reply struct {
	status       int
	body         []byte
	contentType  string
	retryAfter   string
	subjectToken string
	// truncated: less is sent than Content-Length says.
	truncated bool
}

func answered(status int, body any) reply {
	text, err := json.Marshal(body)
	if err != nil { // no type of ours
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: status, body: text, contentType: "application/json;charset=utf-8"}
}

func (r reply) succeeded() bool { return r.status >= 200 && r.status < 300 }

// Shapes of error bodies, for [Fault.Shape].
const (
	// ShapeGateway: {"error_code","error_msg","request_id"}
	ShapeGateway = "gateway"
	// ShapeService: {"error_code","error_msg"}, of TaurusDB's API pages
	ShapeService = "service"
	// ShapeDetailed: the same with details and encoded_authorization_message, of DBSS's
	ShapeDetailed = "detailed"
	// ShapeNested: {"error":{"error_code","error_msg"}}
	ShapeNested = "nested"
	// ShapeExternal: {"errCode","externalMessage"}
	ShapeExternal = "external"
	// ShapeKeystone: {"error":{"code","message","title"}}, IAM's
	ShapeKeystone = "keystone"
)

type plainError struct {
	Code      string `json:"error_code"`
	Message   string `json:"error_msg"`
	RequestID string `json:"request_id,omitempty"`
}

type detailedError struct {
	plainError
	Details []plainError `json:"details"`
	Encoded string       `json:"encoded_authorization_message"`
}

func (q *request) shaped(shape string, status int, code, message string) reply {
	plain := plainError{Code: code, Message: message}
	switch shape {
	case ShapeGateway:
		plain.RequestID = q.id
		return answered(status, plain)
	case ShapeDetailed:
		return answered(status, detailedError{plain, []plainError{plain}, ""})
	case ShapeNested:
		return answered(status, map[string]any{"error": plain})
	case ShapeExternal:
		return answered(status, map[string]string{"errCode": code, "externalMessage": message})
	case ShapeKeystone:
		return answered(status, map[string]any{"error": map[string]any{
			"code": status, "message": message, "title": http.StatusText(status),
		}})
	}
	return answered(status, plain)
}

// gateway is an error of the API gateway, which stands before every service.
func (q *request) gateway(status int, code, message string) reply {
	return q.shaped(ShapeGateway, status, code, message)
}

// refused is an error of the service itself.
func (q *request) refused(status int, code, message string) reply {
	return q.shaped(q.op.shape(), status, code, message)
}

func (op *Operation) shape() string {
	switch {
	case op == nil:
		return ShapeGateway
	case op.Service == DBSS:
		return ShapeDetailed
	case op.Service == iam:
		return ShapeKeystone
	}
	return ShapeService
}

func (q *request) invalid(what string) reply {
	if q.op.Service == DBSS {
		return q.refused(http.StatusBadRequest, "DBSS.10020102", "The operation failed: "+what+".")
	}
	return q.refused(http.StatusBadRequest, "DBS.280001", "Invalid parameter: "+what+".")
}

func (q *request) missing(what string) reply {
	switch {
	case q.op.Service == DBSS:
		// DBSS documents 400, 403 and 500 only.
		return q.refused(http.StatusBadRequest, "DBSS.10020102", "The operation failed: the "+what+" does not exist.")
	case what == "proxy":
		return q.refused(http.StatusNotFound, "DBS.200932", "The database proxy does not exist.")
	}
	return q.refused(http.StatusNotFound, "DBS.200002", "The DB instance does not exist.")
}
