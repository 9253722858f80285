package policy

import (
	"regexp"
	"strconv"
	"strings"
)

// syntax notes what does not parse. The parser's place is mostly the token after
// the wrong one, which it has read by then.
func (c *checker) syntax(d Text, err error) {
	// What Cedar's scanner and parser say, and how the parser misses a token.
	said := regexp.MustCompile(`^parser error: (parse error at )?<input>:(\d+):(\d+)(?: "(?:[^"\\]|\\.)*")?: (.*)$`)
	exact := regexp.MustCompile(`^(?:exact )?got (.*) want (.*)$`)
	m := said.FindStringSubmatch(err.Error())
	if m == nil {
		c.problems.add(d, 0, err.Error())
		return
	}
	line, _ := strconv.Atoi(m[2])
	column, _ := strconv.Atoi(m[3])
	at, text := offset(d.Text, line, column), m[4]
	token := exact.FindStringSubmatch(text)
	if m[1] != "" && !strings.HasPrefix(text, "got ") && (token == nil || token[1] != "") {
		at = tokenBefore(d.Text, at)
	}
	switch {
	case token != nil && token[1] == "":
		text = "found the end, expected " + token[2]
	case token != nil:
		text = "found " + token[1] + ", expected " + token[2]
	}
	c.problems.add(d, at, text)
}

// offset is where a line and a column are; a column is a character.
func offset(text string, line, column int) int {
	at := 0
	for range line - 1 {
		at += strings.IndexByte(text[at:], '\n') + 1
	}
	for i := range text[at:] {
		if column--; column == 0 {
			return at + i
		}
	}
	return len(text)
}

// tokenBefore is where the token before a place begins.
func tokenBefore(text string, at int) int {
	token := regexp.MustCompile(`(?:[A-Za-z0-9_]+|"(?:[^"\\\n]|\\.)*"|//[^\n]*|[^\s])`)
	before := 0
	for _, t := range token.FindAllStringIndex(text[:at], -1) {
		if !strings.HasPrefix(text[t[0]:], "//") {
			before = t[0]
		}
	}
	return before
}
