package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// Who ends `make run` at a terminal sees no error. The program is this one; only
// its compiler is left out.
func TestMakeRunIsInterrupted(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "interlock")))
	compiler := filepath.Join(bin, "go")
	require.NoError(t, os.WriteFile(compiler, fmt.Appendf(nil,
		"#!/bin/sh\n[ \"$1 $2\" = 'run ./cmd/interlock' ] && shift 2 && exec %s/interlock \"$@\" --addr 127.0.0.1:0\n", bin), 0o700))
	cmd := exec.CommandContext(t.Context(), "make", "-C", filepath.Join("..", ".."), "run", "GO="+compiler)
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	defer terminal.Close()
	var shown bytes.Buffer
	eachLine(terminal, func(line string) { // until nobody has the terminal any more
		fmt.Fprintln(&shown, line)
		if bytes.Contains([]byte(line), []byte("event in")) { // it is amid the play
			_, err := terminal.Write([]byte{3}) // Ctrl-C
			require.NoError(t, err)
		}
	})
	require.NoError(t, cmd.Wait(), shown.String())
	require.Contains(t, shown.String(), "event in")
	require.NotContains(t, shown.String(), "serving on")
}
