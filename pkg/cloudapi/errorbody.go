package cloudapi

import (
	"encoding/json"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// failure is the error that an answer other than a 2xx tells of; nil for a
// 2xx.
func (r *reply) failure(now time.Time) *Error {
	if r.status >= 200 && r.status < 300 {
		return nil
	}
	e := r.told()
	e.RetryAfter = retryAfter(r.header.Get("Retry-After"), now)
	e.Effect, e.Cause = MayHave, r.err
	refused := r.status >= 400 && r.status < 500 && r.status != http.StatusRequestTimeout
	if refused || e.refused() {
		e.Effect = NoEffect
	}
	return e
}

// told is what an answer says of an error, in whatever shape: the services',
// the gateway's, Keystone's, a web server's, or nothing at all.
func (r *reply) told() *Error {
	e := &Error{Status: r.status, RequestID: r.header.Get("X-Request-Id")}
	var body errorBody
	if json.Unmarshal(r.body, &body) != nil {
		e.Message = plain(r.body)
		return e
	}
	e.Code, e.Message = body.said()
	var nested errorBody
	if json.Unmarshal(body.Error, &nested) == nil {
		code, message := nested.said()
		e.Code, e.Message = or(e.Code, code), or(e.Message, message)
	} else {
		var word text
		_ = json.Unmarshal(body.Error, &word)
		e.Message = or(e.Message, string(word))
	}
	for _, detail := range body.details() {
		code, message := detail.said()
		e.Message = strings.TrimSpace(e.Message + " (" + strings.TrimSpace(code+" "+message) + ")")
	}
	e.RequestID = or(string(body.RequestID), or(string(nested.RequestID), e.RequestID))
	return e
}

// errorBody is every shape of an error's body in one: TaurusDB's and the
// gateway's error_code and error_msg, which DBSS sends with details and older
// gateways inside "error"; errCode and externalMessage; Keystone's "error"
// with a number for code.
type errorBody struct {
	ErrorCode       text            `json:"error_code"`
	ErrorMsg        text            `json:"error_msg"`
	ErrCode         text            `json:"errCode"`
	ExternalMessage text            `json:"externalMessage"`
	Code            text            `json:"code"`
	Message         text            `json:"message"`
	Title           text            `json:"title"`
	RequestID       text            `json:"request_id"`
	Error           json.RawMessage `json:"error"`
	Details         json.RawMessage `json:"details"`
}

func (b *errorBody) said() (code, message string) {
	code = or(string(b.ErrorCode), or(string(b.ErrCode), string(b.Code)))
	message = or(string(b.ErrorMsg), or(string(b.ExternalMessage), or(string(b.Message), string(b.Title))))
	return code, message
}

func (b *errorBody) details() (list []errorBody) {
	if json.Unmarshal(b.Details, &list) != nil {
		return nil
	}
	return list
}

// retryAfter reads the header of that name: seconds or a date (RFC 9110,
// section 10.2.3). A day at most.
func retryAfter(header string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), most)
	}
	return 0
}

// plain is what a person would read of a page: its title, else its text.
func plain(body []byte) string {
	page := string(body)
	if lower := strings.ToLower(page); len(lower) == len(page) {
		if start := strings.Index(lower, "<title>"); start >= 0 {
			if title, _, whole := strings.Cut(page[start+len("<title>"):], "<"); whole {
				return html.UnescapeString(title)
			}
		}
	}
	return page
}

// brief is a text from outside, fit for a line of a log: no control characters
// and at most so many bytes.
func brief(s string, most int) string {
	if fits(s, most) {
		return s
	}
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(s) <= most {
		return s
	}
	s = s[:most-len("…")]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + "…"
}

// fits reports whether a text is brief already, as nearly all are.
func fits(s string, most int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= most
}
