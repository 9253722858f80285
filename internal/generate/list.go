package generate

import (
	"bytes"
	"errors"
	"go/format"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Lists returns the files that list the switches' folders: functions.go, and
// simulations/all.go for those that simulate their own operation. They are made of
// the folders alone, so that the rest can be made by a program that imports
// them.
func Lists(tree fs.FS) (map[string][]byte, error) {
	t, err := parsed()
	if err != nil {
		return nil, err
	}
	g := generation{tree: tree, templates: t, files: map[string][]byte{}}
	return g.files, errors.Join(
		g.list("functions/functions.go", "functions/*/*.go", "func Switch() "),
		g.list("functions/simulations/all.go", "functions/*/simulation/*.go", "func Operation() "),
	)
}

// list writes a file that lists the packages in which a function is declared.
// Whoever stands in it keeps its place: events and tables name the switches in
// this order. New ones come last.
func (g *generation) list(file, pattern, declares string) error {
	sources, err := fs.Glob(g.tree, pattern)
	if err != nil {
		return err
	}
	var folders []string
	for _, name := range sources {
		text, err := fs.ReadFile(g.tree, name)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(name, "_test.go") && bytes.Contains(text, []byte("\n"+declares)) {
			folders = append(folders, strings.Split(name, "/")[1])
		}
	}
	if folders == nil {
		return nil
	}
	before, err := fs.ReadFile(g.tree, file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	place := func(folder string) int {
		at := regexp.MustCompile(`(?m)^\t\t` + folder + `\.`).FindIndex(before)
		if at == nil {
			return len(before)
		}
		return at[0]
	}
	slices.SortStableFunc(folders, func(a, b string) int { return place(a) - place(b) })
	text, err := g.print(path.Base(file), folders)
	if err != nil {
		return err
	}
	g.files[file], err = format.Source(text)
	return err
}
