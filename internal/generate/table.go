package generate

import "strings"

// samplesOf is what a row of samples is made of.
type samplesOf struct {
	Sample   string
	Switches []Switch
}

func of(sample string, switches []Switch) samplesOf { return samplesOf{sample, switches} }

func (g *generation) tables() error {
	for _, t := range []struct{ file, region, template string }{
		{"README.md", "functions", "functions"},
		{"events/README.md", "samples", "samples"},
		{"events/README.md", "targets", "targets-table"},
		{"events/asyncapi.yaml", "functions", "enum"},
	} {
		text, err := g.print(t.template, g.switches)
		if err == nil {
			err = g.region(t.file, t.region, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ShortPath is the end of the call's path, from its last id on.
func (s Switch) ShortPath() string {
	at := strings.LastIndexByte(s.Path[:strings.LastIndexByte(s.Path, '{')], '/')
	return "…" + s.Path[strings.LastIndexByte(s.Path[:at], '/'):]
}
