package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
)

// configFlag gives every command the flag --config. What the file says is set
// before the command begins, and what the environment says goes before it.
func configFlag(c *cobra.Command) {
	var file string
	c.PersistentFlags().StringVar(&file, "config", "", "a file with lines of NAME=VALUE, for variables that are not set")
	_ = c.MarkPersistentFlagFilename("config") // the flag is there
	c.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			return nil
		}
		environ, err := config.ReadFile(file)
		if err != nil {
			return fmt.Errorf("--config: %w", err)
		}
		return set(slices.DeleteFunc(environ, func(kv string) bool {
			name, _, _ := strings.Cut(kv, "=")
			_, there := os.LookupEnv(name)
			return there
		}))
	}
}

// set sets variables. All that reads some, of AWS's too, reads them from the
// process.
func set(environ []string) error {
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// runFile is where interlock run says, to the commands of its own user, where its
// ledger and its cloud are: a file as --config reads it.
func runFile() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("interlock-%d.run", os.Geteuid()))
}

// announce writes the file. The returned function removes it, unless another
// interlock run has written it since.
func announce(environ []string) (withdraw func() error, err error) {
	text := strings.Join(environ, "\n") + "\n"
	if err := whole(runFile(), func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		return nil, err
	}
	return func() error {
		if now, err := os.ReadFile(runFile()); err != nil || string(now) != text {
			return nil
		}
		return os.Remove(runFile())
	}, nil
}

// ofLedger has a command that goes to the ledger ask interlock run, where that is
// running and nothing names another ledger: neither a variable nor a file that is
// in its usual place.
func ofLedger(c *cobra.Command) *cobra.Command {
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		if cmd.CommandPath() == "interlock audit verify" && len(args) > 0 {
			return nil // of a file
		}
		return askRun(cmd.Context(), cmd.ErrOrStderr())
	}
	return c
}

func askRun(ctx context.Context, w io.Writer) error {
	if slices.ContainsFunc(config.Names(), func(name string) bool { return os.Getenv(name) != "" }) {
		return nil
	}
	if _, err := os.Stat(strings.TrimPrefix(defaultLedger, "bolt:")); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	environ, err := config.ReadFile(runFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := config.ReadLedger(environ, defaultLedger, "memory:")
	if err != nil || !local.Attended(ctx, c.Ledger.Rest) {
		return err // or one that was killed
	}
	fmt.Fprintln(w, "interlock: of interlock run, for no ledger is named and there is none here")
	return set(environ)
}
