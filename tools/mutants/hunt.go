package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// pack is a package of this module as go list tells of it.
type pack struct {
	ImportPath, Dir, Name     string
	GoFiles                   []string
	Deps                      []string
	TestGoFiles, XTestGoFiles []string
	TestImports, XTestImports []string
	Module                    struct{ Path, Dir string }
}

const fields = "-json=ImportPath,Dir,Name,GoFiles,Deps,TestGoFiles,XTestGoFiles,TestImports,XTestImports,Module"

// tree is the module.
type tree struct {
	packs map[string]pack
	// promising are the packages that carry promises: all that the programs are made of,
	// but for the programs themselves, which wire and print, and what plays the cloud.
	promising []pack
	own       bool // only its own package is asked about a mutant

	mu    sync.Mutex
	timed map[string]func() (time.Duration, error)
}

// plays: what a program plays the cloud with, for trying it out, and what only tests use.
var plays = regexp.MustCompile(`/(cloudsim|simulations?|\w+test)$`)

// asks: their tests hold files against the source, or do it the slow way, and say
// nothing of what a program does.
var asks = regexp.MustCompile(`/(docs|internal/generate|internal/deploy|tools/.*)$`)

func load(ctx context.Context) (*tree, error) {
	all, err := gocmd.List[pack](ctx, fields, "./...")
	if err != nil {
		return nil, err
	}
	t := &tree{packs: map[string]pack{}, timed: map[string]func() (time.Duration, error){}}
	programs := map[string]bool{}
	for _, p := range all {
		t.packs[p.ImportPath] = p
		if p.Name == "main" && strings.Contains(p.ImportPath, "/cmd/") {
			for _, of := range p.Deps {
				programs[of] = true
			}
		}
	}
	for _, p := range all {
		if programs[p.ImportPath] && p.Name != "main" && !plays.MatchString(p.ImportPath) {
			t.promising = append(t.promising, p)
		}
	}
	return t, nil
}

// mutants are all mutants of the packages that carry promises, or of those whose
// folders match.
func (t *tree) mutants(only *regexp.Regexp) (all []mutant, err error) {
	for _, p := range t.promising {
		at := folder(p.ImportPath, p.Module.Path)
		if !only.MatchString(at) {
			continue
		}
		for _, name := range p.GoFiles {
			made, err := mutate(at, filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			all = append(all, made...)
		}
	}
	return all, nil
}

// askers are the packages whose tests may notice a change of one: its own, and
// those that depend on it, what is nearest first.
func (t *tree) askers(importPath string) (all []string) {
	deps := map[string]int{}
	for _, p := range t.packs {
		if len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 || asks.MatchString(p.ImportPath) || t.own && p.ImportPath != importPath {
			continue
		}
		of := map[string]bool{p.ImportPath: true}
		for _, imported := range slices.Concat(p.Deps, p.TestImports, p.XTestImports) {
			of[imported] = true
			for _, d := range t.packs[imported].Deps {
				of[d] = true
			}
		}
		if of[importPath] {
			all, deps[p.ImportPath] = append(all, p.ImportPath), len(of)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(-compare(a == importPath, b == importPath), cmp.Compare(deps[a], deps[b]), cmp.Compare(a, b))
	})
	return all
}

func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// takes is how long the tests of a package take on the source as it is, on which
// they have to pass.
func (t *tree) takes(ctx context.Context, asker string) (time.Duration, error) {
	t.mu.Lock()
	once := t.timed[asker]
	if once == nil {
		once = sync.OnceValues(func() (time.Duration, error) {
			began := time.Now()
			out, err := goTest(ctx, "", 10*time.Minute, asker)
			if err != nil {
				return 0, fmt.Errorf("%s fails on the source as it is: %w\n%s", asker, err, out)
			}
			return time.Since(began), nil
		})
		t.timed[asker] = once
	}
	t.mu.Unlock()
	return once()
}

// goTest runs the tests of a package, with an overlay if there is one, which the
// programs that the tests build have too.
func goTest(ctx context.Context, overlay string, within time.Duration, pkg string) (string, error) {
	flags := os.Getenv("GOFLAGS")
	if overlay != "" {
		flags += " -overlay=" + overlay
	}
	var out strings.Builder
	err := gocmd.Lines(ctx, func(line string) { out.WriteString(line + "\n") },
		"env", "GOFLAGS="+strings.TrimSpace(flags), gocmd.Go, "test", "-count=1", "-failfast", "-vet=off", "-timeout="+within.String(), pkg)
	return out.String(), err
}

// errUnviable: the mutant does not compile, and is none.
var errUnviable = errors.New("does not compile")

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// hunt returns which test noticed a mutant; "" if none did.
func (t *tree) hunt(ctx context.Context, m mutant, importPath, dir string) (killer string, err error) {
	text, err := m.text()
	if err != nil {
		return "", err
	}
	file, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{m.file: file}})
	if err := errors.Join(err, os.WriteFile(file, text, 0o644), os.WriteFile(overlay, replace, 0o644)); err != nil {
		return "", err
	}
	for _, asker := range t.askers(importPath) {
		takes, err := t.takes(ctx, asker)
		if err != nil {
			return "", err
		}
		out, err := goTest(ctx, overlay, 3*takes+20*time.Second, asker)
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err == nil:
			continue
		case strings.Contains(out, "[build failed]"):
			return "", errUnviable
		}
		at := folder(asker, t.packs[asker].Module.Path)
		if all := failed.FindAllStringSubmatch(out, -1); len(all) > 0 {
			return at + " " + all[len(all)-1][1], nil // the innermost
		}
		return at + ", which hangs or panics", nil
	}
	return "", nil
}
