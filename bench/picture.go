package main

import (
	"bytes"
	"fmt"
	"html"
	"maps"
	"strings"
)

// picture draws what a start and a warm event cost over TLS, as bars from zero.
func picture(programs []*program) []byte {
	const width, left, row, head = 760, 260, 30, 52
	var shown []*program
	for i, p := range programs {
		// What others are compared with, the job, and the peers.
		if i == bare || i == plainMore || i == built || p.size == 0 {
			shown = append(shown, p)
		}
	}
	var b bytes.Buffer
	panel := head + row*len(shown)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="system-ui, sans-serif" font-size="14">
<title>CPU time of a function over TLS: from start to the first event, and for each event after it</title>
<style>
text { fill: #1f2328 } rect { fill: #8c959f } .ours { fill: #1a7f64 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #6e7681 } .ours { fill: #3fb68b } }
</style>
`, width, 2*panel+16)
	for i, of := range []struct {
		title, unit string
		figure      func(*program) float64
	}{
		{"CPU time from start to the first event, ms", "ms", func(p *program) float64 { return milliseconds(middle(maps.Values(p.coldCPUs()))) }},
		{"CPU time for each event after it, ms", "ms", func(p *program) float64 { return milliseconds(middle(maps.Values(p.warmCPUs()))) }},
	} {
		most := 0.0
		for _, p := range shown {
			most = max(most, of.figure(p))
		}
		fmt.Fprintf(&b, "<text x=\"0\" y=\"%d\" font-weight=\"600\">%s</text>\n", i*panel+30, of.title)
		for k, p := range shown {
			y, figure := i*panel+head+k*row, of.figure(p)
			length := max(1, figure/most*(width-left-90))
			class, name := "", html.EscapeString(p.name)
			if p == programs[built] {
				class, name = ` class="ours"`, "Interlock's "+strings.Trim(name, "*")
			}
			fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text><rect%s x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"18\"/><text x=\"%.1f\" y=\"%d\">%s %s</text>\n",
				left-10, y+14, name, class, left, y, length, float64(left)+length+6, y+14, short(figure), of.unit)
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// short has two digits that count, or all before the point.
func short(f float64) string {
	if f >= 10 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.2g", f)
}
