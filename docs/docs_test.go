// Package docs holds what the documents say of the source against it.
package docs

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const root = ".."

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return string(text)
}

var (
	row  = regexp.MustCompile("(?m)^\\| `([a-z]+\\.[A-Za-z]+)` \\| ([^|]+) \\| [^|]+ \\|$")
	span = regexp.MustCompile(`^(\d+) (ms|s|min|h|days) ?`)
	unit = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "days": 24 * time.Hour}
)

// The table of waits has each of them, and no other, and says how long it is.
func TestWaits(t *testing.T) {
	told := map[string]string{}
	for _, r := range row.FindAllStringSubmatch(read(t, "docs/guarantees.md"), -1) {
		var d time.Duration
		rest := r[2]
		for rest != "" {
			part := span.FindStringSubmatch(rest)
			require.NotNil(t, part, "%s: %s", r[1], r[2])
			n, err := strconv.Atoi(part[1])
			require.NoError(t, err)
			d += time.Duration(n) * unit[part[2]]
			rest = rest[len(part[0]):]
		}
		told[r[1]] = d.String()
	}
	stands := map[string]string{}
	for _, folder := range []string{"pkg", "internal"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.Name() == "cloudsim" || d.Name() == "testdata" || d.IsDir() && strings.HasSuffix(d.Name(), "test"):
				return fs.SkipDir // these wait as a cloud does, or a test
			case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				return durations(path, stands)
			}
			return nil
		}))
	}
	require.Equal(t, stands, told)
}

// durations finds the constants of a file, outside of functions, that are made
// of the units of package time.
func durations(path string, found map[string]string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	units := strings.NewReplacer("time.Millisecond", "1000000", "time.Second", "1000000000", "time.Minute", "60000000000", "time.Hour", "3600000000000")
	for _, decl := range f.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, s := range group.Specs {
			for i, v := range s.(*ast.ValueSpec).Values {
				text := types.ExprString(v)
				nanoseconds := units.Replace(text)
				if nanoseconds == text {
					continue
				}
				v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, nanoseconds)
				if err != nil {
					return err
				}
				n, _ := constant.Int64Val(v.Value)
				found[f.Name.Name+"."+s.(*ast.ValueSpec).Names[i].Name] = time.Duration(n).String()
			}
		}
	}
	return nil
}

var (
	// ticked are the words in backticks that are paths of the tree, with a name
	// in the file after a #; their folders may be patterns.
	ticked = regexp.MustCompile("`((?:bench|cmd|deploy|docs|events|examples|functions|internal|pkg|tools)/[\\w./*-]+|\\w+\\.yaml)(?:#(\\w+))?`")
	linked = regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)
)

// Whatever path a document names is there, and what it names in a file is
// declared in it.
func TestPaths(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	for _, page := range append(pages, "../ARCHITECTURE.md", "../README.md", "../events/README.md") {
		text := read(t, page[len("../"):])
		for _, p := range ticked.FindAllStringSubmatch(text, -1) {
			found, err := filepath.Glob(filepath.Join(root, p[1]))
			require.NoError(t, err)
			require.NotEmpty(t, found, "%s: there is no %s", page, p[1])
			if p[2] != "" {
				require.Regexp(t, `(?m)^(func (\([^)]*\) )?|type )`+p[2]+`\b`, read(t, p[1]), "%s: %s", page, p[0])
			}
		}
		for _, p := range linked.FindAllStringSubmatch(text, -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(page), p[1]))
			require.NoError(t, err, page)
		}
	}
}

// ARCHITECTURE.md's picture has every package, and what a package imports stands
// on its own floor or on one below.
func TestFloors(t *testing.T) {
	_, picture, _ := strings.Cut(read(t, "ARCHITECTURE.md"), "```\n")
	picture, _, _ = strings.Cut(picture, "```")
	floors := map[string]int{}
	below := 0
	for line := range strings.Lines(picture) {
		if !strings.HasPrefix(line, "   ") { // else it goes on with a floor
			below++
		}
		for _, word := range strings.Fields(line) {
			floors[word] = below
		}
	}
	floor := func(pkg string) (int, bool) {
		for p := pkg; ; {
			if at, ok := floors[p]; ok {
				return at, true
			}
			parent := path.Dir(p)
			if at, ok := floors[parent+"/*"]; ok {
				return at, true
			}
			if p = parent; p == "." {
				return 0, false
			}
		}
	}
	const module = "github.com/interlock-functions/interlock/"
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		all := strings.Fields(line)
		pkg := strings.TrimPrefix(all[0], module)
		at, ok := floor(pkg)
		require.True(t, ok, "ARCHITECTURE.md: add %s to a floor", pkg)
		for _, imported := range all[1:] {
			if imported, ok := strings.CutPrefix(imported, module); ok {
				under, _ := floor(imported)
				require.LessOrEqual(t, at, under, "%s imports %s, which stands above it", pkg, imported)
			}
		}
	}
}
