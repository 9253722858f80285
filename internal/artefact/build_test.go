package artefact

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder.
const root = "../.."

// built is where the artefacts are, each built once for this machine.
var built struct {
	dir string
	mu  sync.Mutex
	of  map[string]func() (string, error)
}

func TestMain(m *testing.M) {
	// These tests wait more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "interlock-artefacts-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir, built.of = dir, map[string]func() (string, error){}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build makes the artefact of a package, as `make build` does but for this
// machine, and returns its path.
func build(t testing.TB, pkg string) string {
	t.Helper()
	built.mu.Lock()
	of := built.of[pkg]
	if of == nil {
		of = sync.OnceValues(func() (string, error) {
			out := filepath.Join(built.dir, filepath.Base(filepath.Dir(pkg)), filepath.Base(pkg), "bootstrap")
			cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc,validator_novalidatefn", "-ldflags", "-s -w", "-o", out, pkg)
			cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
			if text, err := cmd.CombinedOutput(); err != nil {
				return "", fmt.Errorf("%s: %w\n%s", pkg, err, text)
			}
			return filepath.Abs(out)
		})
		built.of[pkg] = of
	}
	built.mu.Unlock()
	path, err := of()
	require.NoError(t, err)
	return path
}
