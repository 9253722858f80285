package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// function is a test or a fuzz target.
type function struct{ pkg, name string }

func (f function) String() string { return f.pkg[strings.LastIndexByte(f.pkg, '/')+1:] + " " + f.name }

// functions finds the functions of tests whose names start so, in the files that
// these build tags bring in.
func functions(ctx context.Context, prefix, tags string) ([]function, error) {
	declared := regexp.MustCompile(`(?m)^func (` + prefix + `\w+)\(`)
	var all []function
	packages, err := gocmd.List[struct {
		ImportPath, Dir           string
		TestGoFiles, XTestGoFiles []string
	}](ctx, "-tags", tags, "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
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
