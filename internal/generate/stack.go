package generate

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"
)

// stanza is a function of template.yaml.
type stanza struct {
	// ID starts its logical names, Name is what people read.
	ID, Name, Function string
	// Switch tells that it flips one; the function that follows jobs flips
	// nothing.
	Switch bool
}

func (g *generation) stack() error {
	ids, err := g.logicalIDs()
	if err != nil {
		return err
	}
	var stanzas []stanza
	for _, s := range g.switches {
		id, there := ids[s.Function]
		if !there {
			id = logicalID(s)
		}
		stanzas = append(stanzas, stanza{ID: id, Name: s.Name, Function: s.Function, Switch: true})
	}
	stanzas = append(stanzas, stanza{ID: "JobFollow", Name: "jobfollow", Function: "jobfollow"})

	var bodies, outputs bytes.Buffer
	for _, s := range stanzas {
		body, err := g.print("stanza", s)
		if err != nil {
			return err
		}
		bodies.Write(body)
		output, err := g.print("outputs", s)
		if err != nil {
			return err
		}
		outputs.Write(output)
	}
	names, err := g.print("names", stanzas)
	if err != nil {
		return err
	}
	module, err := g.print("module", stanzas)
	if err != nil {
		return err
	}
	if err := g.region("deploy/terraform/functions.tf", "functions", module); err != nil {
		return err
	}
	functions, err := g.print("names of functions", stanzas)
	if err != nil {
		return err
	}
	if err := g.region("deploy/functiongraph/main.tf", "functions", functions); err != nil {
		return err
	}
	for region, text := range map[string][]byte{"stanzas": append(bodies.Bytes(), '\n'), "outputs": outputs.Bytes(), "names": names} {
		if err := g.region("template.yaml", region, text); err != nil {
			return err
		}
	}
	return nil
}

var function = regexp.MustCompile(`(?m)^  (\w+)Function:\n    Type: AWS::Serverless::Function`)

// logicalIDs are the beginnings of logical names that template.yaml has, by
// function. They stay as they are once spelt: under another name
// CloudFormation would make another queue, and delete this one.
func (g *generation) logicalIDs() (map[string]string, error) {
	text, err := fs.ReadFile(g.tree, "template.yaml")
	ids := map[string]string{}
	for _, m := range function.FindAllSubmatch(text, -1) {
		ids[strings.ToLower(string(m[1]))] = string(m[1])
	}
	return ids, err
}

// logicalID is how a new function is called: `sam build` knows its folder by
// the name in lower case.
func logicalID(s Switch) string {
	words := strings.Split(s.Name, "-")
	if strings.Join(words, "") != s.Function {
		words = []string{s.Function}
	}
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}
