package generate

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// New is a switch to be made: what is known of it before its API page was read
// to the end.
type New struct {
	// Name is the switch's, as in instance-ssl.
	Name string
	// Method and Path are those of its call, the path as the page writes it:
	// /v3/{project_id}/instances/{instance_id}/ssl-option.
	Method, Path string
	// Operation is how Huawei's SDKs call it, and Member what of its body is
	// true to switch on. What is empty has to be filled in by hand.
	Operation, Member string
	// Job is empty where it takes effect at once; "yes" where it answers with the
	// id of a job, or that job's name where a page tells it.
	Job string
}

// Creates tells whether it answers with the id of a job.
func (n New) Creates() bool { return n.Job != "" }

// KnownJob is the name of its job, where it is known.
func (n New) KnownJob() string { return strings.TrimPrefix(n.Job, "yes") }

// Function is the name of its folder.
func (n New) Function() string { return strings.ReplaceAll(n.Name, "-", "") }

// Words is its name in words.
func (n New) Words() string { return strings.ReplaceAll(n.Name, "-", " ") }

// Go is its name in Go.
func (n New) Go() string { return logicalID(Switch{Name: n.Name, Function: n.Function()}) }

var parameter = regexp.MustCompile(`\{([^{}]*)\}`)

// Kind follows from the path's parameters.
func (n New) Kind() (Kind, error) {
	var parameters []string
	for _, p := range parameter.FindAllStringSubmatch(n.Path, -1) {
		parameters = append(parameters, p[1])
	}
	name := ""
	switch instance := []string{"project_id", "instance_id"}; {
	case strings.Contains(n.Path, "/audit/"):
		return Kind{}, errors.New("PATH: found one of DBSS, whose calls name the database in ways of their own: copy functions/auditswitch")
	case slices.Equal(parameters, instance):
		name = "instance"
	case slices.Equal(parameters, append(instance, "proxy_id")):
		name = "proxy"
	}
	if k, ok := KindNamed(name); ok {
		return k, nil
	}
	return Kind{}, fmt.Errorf("PATH: found the parameters %q, expected project_id and instance_id, and proxy_id where it is a proxy's", parameters)
}

// Target is what the call is about, as declarations and the client name it.
func (n New) Target() (string, error) {
	k, err := n.Kind()
	return map[string]string{"instance": "Instance", "proxy": "Proxy"}[k.Name], err
}

// URI is the path of an example.
func (n New) URI() (string, error) {
	k, err := n.Kind()
	instance := madeUp(n.Name, k.Instance)
	return strings.NewReplacer("{project_id}", k.Project.Example, "{instance_id}", instance, "{proxy_id}", madeUp(n.Name, k.Own)).Replace(n.Path), err
}

// ShortURI is the path of ids of one letter.
func (n New) ShortURI() string {
	return strings.NewReplacer("{project_id}", "p", "{instance_id}", "i", "{proxy_id}", "x").Replace(n.Path)
}

// Route is the path as the simulated cloud has it.
func (n New) Route() string { return strings.ReplaceAll(n.Path[1:], "_id}", "}") }

// Body is what the call sends.
func (n New) Body(on bool) string {
	if n.Member == "" {
		return "{}"
	}
	return fmt.Sprintf(`{%q:%t}`, n.Member, on)
}

func (n New) check(tree fs.FS) error {
	if !regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`).MatchString(n.Name) {
		return fmt.Errorf("NAME: found %q, expected lower-case words joined by hyphens, as in instance-ssl", n.Name)
	}
	if n.Method != "PUT" && n.Method != "POST" {
		return fmt.Errorf("METHOD: found %q, expected PUT or POST", n.Method)
	}
	if !strings.HasPrefix(n.Path, "/v") {
		return fmt.Errorf("PATH: found %q, expected one as in /v3/{project_id}/instances/{instance_id}/ssl-option", n.Path)
	}
	if _, err := fs.Stat(tree, "functions/"+n.Function()); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("NAME: functions/%s is there already", n.Function())
	}
	_, err := n.Kind()
	return err
}

// Files are the switch's folder and its file in pkg/cloudapi, with that file's
// test.
func (n New) Files(tree fs.FS) (map[string][]byte, error) {
	if err := n.check(tree); err != nil {
		return nil, err
	}
	t, err := parsed()
	if err != nil {
		return nil, err
	}
	folder, client := "functions/"+n.Function()+"/", "pkg/cloudapi/"+n.Function()
	files := map[string][]byte{}
	for file, template := range map[string]string{
		folder + n.Function() + ".go":       "declaration.go",
		folder + n.Function() + "_test.go":  "declaration_test.go",
		folder + "simulation/simulation.go": "simulation.go",
		client + ".go":                      "operation.go",
		client + "_test.go":                 "operation_test.go",
	} {
		var text bytes.Buffer
		if err := t.ExecuteTemplate(&text, template, n); err != nil {
			return nil, err
		}
		if files[file], err = format.Source(text.Bytes()); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return files, nil
}
