// Package gocmd runs commands, the go command above all, for the tools beside it.
package gocmd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Go is make's GO.
var Go = cmp.Or(os.Getenv("GO"), "go")

// List decodes what `go list -json` with these arguments says, one T for each package.
func List[T any](ctx context.Context, args ...string) (all []T, err error) {
	var text strings.Builder
	if err := Lines(ctx, func(line string) { text.WriteString(line) }, Go, append([]string{"list"}, args...)...); err != nil {
		return nil, err
	}
	for in := json.NewDecoder(strings.NewReader(text.String())); in.More(); {
		var p T
		if err := in.Decode(&p); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// grace is how long a child that was told to end may take to end its own.
const grace = 2 * time.Second

// Lines runs a command in a process group of its own, gives each line that it
// writes to take, and ends the whole group with the context, or with the command.
// Where the command fails, what it wrote to its standard error is in the error.
func Lines(ctx context.Context, take func(string), name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = grace
	// A pipe of one's own: that of exec would be closed while its last lines are read.
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = in, &said
	err = cmd.Start()
	in.Close()
	if err != nil {
		return err
	}
	read := make(chan error, 1)
	go func() { read <- eachLine(out, take) }()
	err = cmd.Wait()
	// What is left of the group has not listened, or was left behind: it would hold the pipe.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if broken := <-read; err == nil {
		err = broken
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil && said.Len() > 0 {
		return fmt.Errorf("%s: %w\n%s", name, err, strings.TrimSpace(said.String()))
	}
	return err
}

func eachLine(r io.Reader, take func(string)) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			take(strings.TrimSuffix(line, "\n"))
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
