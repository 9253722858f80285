package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// printable is text as a terminal may get it: what events and clouds say may
// hold sequences that move the cursor, lines of their own, or marks that turn
// the direction of writing (Unicode TR 36, 3.1). They are written as \u001b,
// which in JSON means the same.
func printable(s string) string { return escaped(s, "") }

// printableText is that of text that has its lines for good reason.
func printableText(s string) string { return escaped(s, "\n\t") }

func escaped(s, kept string) string {
	var b strings.Builder
	for _, r := range s {
		switch hi, lo := utf16.EncodeRune(r); {
		case unicode.IsGraphic(r) || strings.ContainsRune(kept, r):
			b.WriteRune(r)
		case hi == unicode.ReplacementChar:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		}
	}
	return b.String()
}

// say prints a line.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, printable(fmt.Sprintf(format, args...)))
}

// row prints the cells of a table's line.
func row(w io.Writer, cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}
