// Package generate makes what follows from the declarations of the switches:
// schemas, samples, the stanzas of template.yaml, tables, and the lists of
// their folders. It knows no switch; whoever runs it says which there are.
//
// A file is generated as a whole, or in the regions between two lines that say
// BEGIN generated and END generated with the region's name. `go generate ./...`
// runs it, and a test fails where the tree differs from what it would write.
package generate

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Switch is what the generator has to know of a switch.
type Switch struct {
	// Name is the switch's name in events, Function that of its function and
	// of its folder under functions.
	Name, Function string
	// Flips says in a few words what it flips, for README's table; Page is the
	// API page that it follows.
	Flips, Page string
	// Kind is the kind of its targets.
	Kind Kind
	// Options are the options that it takes.
	Options []Option
	// Creates tells that its call creates a job, Reads that its position can be
	// read.
	Creates, Reads bool
	// Method and Path are those of its call, with {project}, {instance},
	// {proxy} and {database} in the path; On and Off what it sends. Operation is
	// how Huawei's SDKs call it.
	Method, Path, On, Off, Operation string
}

//go:embed templates
var templates embed.FS

// Files returns what the generated files of a tree should hold, by path.
func Files(tree fs.FS, switches []Switch) (map[string][]byte, error) {
	t, err := parsed()
	if err != nil {
		return nil, err
	}
	g := generation{tree: tree, templates: t, switches: switches, files: map[string][]byte{}}
	for _, part := range []func() error{g.schemas, g.stack, g.tables, g.samples} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return g.files, nil
}

func parsed() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{"json": marshalled, "among": among, "of": of}).ParseFS(templates, "templates/*.tmpl")
}

// Write brings the tree at root up to date.
func Write(root string, files map[string][]byte) error {
	for name, text := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if there, err := os.ReadFile(name); err == nil && bytes.Equal(there, text) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

type generation struct {
	tree      fs.FS
	templates *template.Template
	switches  []Switch
	files     map[string][]byte
}

func (g *generation) print(name string, data any) ([]byte, error) {
	var text bytes.Buffer
	err := g.templates.ExecuteTemplate(&text, name, data)
	return text.Bytes(), err
}

// region puts text between the two lines that mark a region of a file.
func (g *generation) region(file, name string, text []byte) error {
	whole, ok := g.files[file]
	if !ok {
		var err error
		if whole, err = fs.ReadFile(g.tree, file); err != nil {
			return err
		}
	}
	begin := bytes.Index(whole, []byte("BEGIN generated "+name))
	end := bytes.Index(whole, []byte("END generated "+name))
	if begin < 0 || end < begin {
		return fmt.Errorf("%s: found no lines BEGIN generated %s and END generated %s", file, name, name)
	}
	begin += bytes.IndexByte(whole[begin:], '\n') + 1
	end = bytes.LastIndexByte(whole[:end], '\n') + 1
	g.files[file] = bytes.Join([][]byte{whole[:begin], text, whole[end:]}, nil)
	return nil
}

func marshalled(v any) (string, error) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(text.String(), "\n"), err
}
