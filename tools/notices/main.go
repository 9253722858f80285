// Command notices prints the licences of all that is linked into a program, on any
// of its platforms: most ask that they are handed on with it.
//
//	notices -platforms linux/amd64,windows/amd64 ./cmd/interlock ./cmd/lambda
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

func main() {
	platforms := flag.String("platforms", runtime.GOOS+"/"+runtime.GOARCH, "platforms, with commas between")
	flag.Parse()
	text, err := notices(strings.Split(*platforms, ","), flag.Args())
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// names are what such files are called.
var names = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

func notices(platforms, packages []string) ([]byte, error) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	folders := map[string]string{"Go " + runtime.Version(): strings.TrimSpace(string(goroot))}
	for _, platform := range platforms {
		system, arch, _ := strings.Cut(platform, "/")
		// Of each package that is linked in, the module; the main one has no version.
		list := exec.Command("go", append([]string{"list", "-deps", "-f", `{{with .Module}}{{if .Version}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}`}, packages...)...)
		list.Env, list.Stderr = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0"), os.Stderr
		out, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", platform, err)
		}
		for line := range strings.Lines(string(out)) {
			module, folder, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if module != "" {
				folders[module] = folder
			}
		}
	}
	var modules []string
	for module := range folders {
		modules = append(modules, module)
	}
	slices.Sort(modules)
	var text bytes.Buffer
	fmt.Fprintf(&text, "Interlock's programs contain what these have written. Their licences follow.\n\n  %s\n", strings.Join(modules, "\n  "))
	for _, module := range modules {
		entries, err := os.ReadDir(folders[module])
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if e.IsDir() || !names.MatchString(e.Name()) {
				continue
			}
			licence, err := os.ReadFile(filepath.Join(folders[module], e.Name()))
			if err != nil {
				return nil, err
			}
			found = true
			fmt.Fprintf(&text, "\n%s\n%s, %s\n\n%s\n", strings.Repeat("=", 80), module, e.Name(), bytes.TrimSpace(licence))
		}
		if !found {
			return nil, fmt.Errorf("%s: found no licence in %s, expected a file LICENSE, COPYING or NOTICE", module, folders[module])
		}
	}
	return text.Bytes(), nil
}
