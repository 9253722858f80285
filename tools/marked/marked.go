// Package marked writes the parts of a page that a command makes.
package marked

import (
	"fmt"
	"os"
	"strings"
)

// Closing is the line at which such a part ends.
const Closing = "<!-- Up to here. -->\n"

// Write puts text between the line opening of a page and the next line that says
// "Up to here". It fails where one of them is not there.
func Write(page, opening, text string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), opening)
	_, after, closed := strings.Cut(rest, Closing)
	if !ok || !closed {
		return fmt.Errorf("%s has no line %q with a line %q after it", page, strings.TrimSpace(opening), strings.TrimSpace(Closing))
	}
	return os.WriteFile(page, []byte(before+opening+text+Closing+after), 0o644)
}
