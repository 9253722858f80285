// Command files writes what follows from the switches' declarations into the
// tree whose root is its argument.
package main

import (
	"fmt"
	"os"

	"github.com/interlock-functions/interlock/internal/generate"
	"github.com/interlock-functions/interlock/internal/generate/declared"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	switches, err := declared.Switches()
	if err != nil {
		return err
	}
	files, err := generate.Files(os.DirFS(root), switches)
	if err != nil {
		return err
	}
	return generate.Write(root, files)
}
