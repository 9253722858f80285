package proof

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// TestMutantsFit: a mutant whose text is not in the source any more is none, nor is
// one that does not compile; the list has to follow the source.
func TestMutantsFit(t *testing.T) {
	if raced {
		t.Skip("nothing here runs side by side; make test runs it without the race detector")
	}
	const root = "../.."
	all := slices.Concat(mutants(), approvalMutants(), chainMutants())
	var edited []string
	for _, m := range all {
		for _, e := range m.edits {
			edited = append(edited, filepath.Join(root, filepath.Dir(e.file)))
		}
	}
	slices.Sort(edited)
	c := newCompiler(t, slices.Compact(edited))
	for _, m := range all {
		t.Run(m.without, func(t *testing.T) {
			overlay, err := m.write(root, t.TempDir())
			require.NoError(t, err)
			text, err := os.ReadFile(overlay)
			require.NoError(t, err)
			var mutated struct{ Replace map[string]string }
			require.NoError(t, json.Unmarshal(text, &mutated))
			for file := range mutated.Replace {
				require.NoError(t, c.compile(filepath.Dir(file), mutated.Replace))
			}
		})
	}
}

// compiler checks packages as the compiler does, without making anything of them.
type compiler struct {
	files    *token.FileSet
	importer types.Importer
	packages map[string][]string // the files of each folder
}

func newCompiler(t *testing.T, folders []string) *compiler {
	t.Helper()
	packages, err := gocmd.List[struct {
		ImportPath, Export, Dir string
		GoFiles                 []string
	}](t.Context(), append([]string{"-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles"}, folders...)...)
	require.NoError(t, err)
	c := &compiler{files: token.NewFileSet(), packages: map[string][]string{}}
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
		c.packages[p.Dir] = p.GoFiles
	}
	c.importer = importer.ForCompiler(c.files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return c
}

// compile checks the package in a folder with some of its files replaced.
func (c *compiler) compile(folder string, replaced map[string]string) error {
	dir, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if len(c.packages[dir]) == 0 {
		return fmt.Errorf("no package in %s", dir)
	}
	var files []*ast.File
	for _, name := range c.packages[dir] {
		path := filepath.Join(folder, name)
		if other, ok := replaced[path]; ok {
			path = other
		}
		file, err := parser.ParseFile(c.files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	_, err = (&types.Config{Importer: c.importer}).Check(dir, c.files, files, nil)
	return err
}
