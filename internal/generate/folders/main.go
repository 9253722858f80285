// Command folders lists the switches' folders in functions.go and
// simulations.go of the tree whose root is its argument.
package main

import (
	"fmt"
	"os"

	"github.com/interlock-functions/interlock/internal/generate"
)

func main() {
	files, err := generate.Lists(os.DirFS(os.Args[1]))
	if err == nil {
		err = generate.Write(os.Args[1], files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
