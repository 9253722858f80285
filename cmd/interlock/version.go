package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = ""

// provenance is what this program was built from, and by what.
type provenance struct {
	Version string `json:"version"`
	// Revision is the commit, and Time when it was made. Modified: it was built
	// from a tree with changes that are in no commit. They are missing where the
	// program was built outside of its repository.
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// builtAs tells it from what Go has noted in the program; stamped is the version
// that a release was given.
func builtAs(stamped string, info *debug.BuildInfo) provenance {
	b := provenance{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info == nil {
		info = new(debug.BuildInfo)
	}
	b.Version = cmp.Or(stamped, info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// builtHere is what this very program was built from.
func builtHere() provenance {
	info, _ := debug.ReadBuildInfo() // nil where Go has noted nothing
	return builtAs(version, info)
}

func (b provenance) tell(w io.Writer) {
	say(w, "interlock %s", b.Version)
	if b.Revision != "" {
		changed := ""
		if b.Modified {
			changed = ", with changes"
		}
		say(w, "revision  %s of %s%s", b.Revision, b.Time, changed)
	}
	say(w, "go        %s %s/%s", b.Go, b.OS, b.Arch)
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print which version this is, and what it was built from",
		Long: fmt.Sprintf(`Version prints the version, the commit that it was built from, and the version of
Go and the platform that it was built for, as %s/%s.

Exit code: 0.`, runtime.GOOS, runtime.GOARCH),
		Example: "  interlock version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return sayJSON(cmd.OutOrStdout(), builtHere())
			}
			builtHere().tell(cmd.OutOrStdout())
			return nil
		},
	}
	jsonFlag(c, &asJSON, "a line of JSON")
	return c
}
