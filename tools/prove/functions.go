package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// function is a test or a fuzz target.
type function struct{ pkg, name string }

func (f function) String() string { return f.pkg[strings.LastIndexByte(f.pkg, '/')+1:] + " " + f.name }

// functions finds the functions of tests whose names start so, in the files that
// these build tags bring in.
func functions(ctx context.Context, prefix, tags string) ([]function, error) {
	declared := regexp.MustCompile(`(?m)^func (` + prefix + `\w+)\(`)
	var all []function
	var text strings.Builder
	if err := lines(ctx, func(line string) { text.WriteString(line) }, goCommand, "list", "-tags", tags, "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "./..."); err != nil {
		return nil, err
	}
	for in := json.NewDecoder(strings.NewReader(text.String())); in.More(); {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := in.Decode(&p); err != nil {
			return nil, err
		}
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			source, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			for _, f := range declared.FindAllSubmatch(source, -1) {
				if name := string(f[1]); name != "TestMain" {
					all = append(all, function{p.ImportPath, name})
				}
			}
		}
	}
	return all, nil
}
