package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Export or verify the audit trail",
		Long: `The audit trail has one record for each settled decision: who asked, who approved,
which policy allowed it, what was called and what the cloud said. Each instance
has a chain of its own, in which every record names the one before by a hash over
all of it; the instance names the last.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(auditExportCommand(), auditVerifyCommand())
	return c
}

func auditExportCommand() *cobra.Command {
	var since, out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the audit trail as lines of JSON",
		Long: `Export writes, for each instance, a line that says where its trail begins and
ends, and the records as they are in the ledger, a line each; in the end, a line
with the number of instances. Nothing in it is a secret of Interlock's.
` + ledgerHelp + `

Exit code: 0; 1 for an error; 2 if a record cannot be read.`,
		Example: `  interlock audit export --since 24h --out audit.jsonl
  interlock audit export | interlock audit verify -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := moment("--since", since, time.Now())
			if err != nil {
				return err
			}
			return audited(withDesk(cmd.Context(), func(d local.Desk) error {
				lines := d.Audit(cmd.Context(), from)
				if out == "" {
					return writeLines(cmd.OutOrStdout(), lines)
				}
				return whole(out, func(w io.Writer) error { return writeLines(w, lines) })
			}))
		},
	}
	c.Flags().StringVar(&since, "since", "", "from the first record on that was written since: RFC 3339, or a duration back from now, as 24h")
	jsonFlag(c, &asJSON, "lines of JSON, as without it: no other form loses nothing")
	c.Flags().StringVar(&out, "out", "", "the file to write, which is replaced once all is written; standard output by default")
	return ofLedger(c)
}

func auditVerifyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Tell whether the audit trail is as it was written",
		Long: `Verify names the first record that was changed, removed, inserted or put elsewhere
since it was written: in what was exported to FILE (- is standard input), or
without one in the ledger itself. Exports of different times may follow each
other in one file.

What it cannot tell: whether somebody who can write to the ledger has written a
trail, or its end, anew with all its hashes, or has taken an instance out of it
whole. Compare with an earlier export, kept where it cannot be changed: each head
that it names is the hash of a record still.
` + ledgerHelp + `

Exit code: 0 if all is as it was written; 1 for an error; 2 if a record is wrong.`,
		Example: `  interlock audit verify
  interlock audit verify audit.jsonl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var n counted
			verify := func(lines iter.Seq2[ledger.AuditLine, error]) error { return ledger.VerifyAudit(n.of(lines)) }
			err := withExport(cmd, args, verify)
			if err != nil {
				return audited(err)
			}
			if asJSON {
				return sayJSON(cmd.OutOrStdout(), n)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "as written: %d records of %d instances\n", n.Records, n.Instances)
			return err
		},
	}
	jsonFlag(c, &asJSON, "a line of JSON, if all is as it was written")
	return ofLedger(c)
}

// withExport calls f with what was exported to the file that is named, or with
// what is in the ledger.
func withExport(cmd *cobra.Command, args []string, f func(iter.Seq2[ledger.AuditLine, error]) error) error {
	switch {
	case len(args) == 0:
		return withDesk(cmd.Context(), func(d local.Desk) error { return f(d.Audit(cmd.Context(), time.Time{})) })
	case args[0] == "-":
		return f(ledger.ReadExport(cmd.InOrStdin()))
	}
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	return f(ledger.ReadExport(file))
}

// counted counts what is verified.
type counted struct {
	Records   int `json:"records"`
	Instances int `json:"instances"`
}

func (n *counted) of(lines iter.Seq2[ledger.AuditLine, error]) iter.Seq2[ledger.AuditLine, error] {
	return func(yield func(ledger.AuditLine, error) bool) {
		for l, err := range lines {
			if l.Record != nil {
				n.Records++
			}
			if l.Trail != nil {
				n.Instances++
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// wrongRecord is the exit code for a record that is not as it was written.
const wrongRecord = 2

func audited(err error) error {
	if errors.As(err, new(*ledger.AuditError)) {
		return &exitError{wrongRecord, err}
	}
	return err
}

func writeLines(w io.Writer, lines iter.Seq2[ledger.AuditLine, error]) error {
	b := bufio.NewWriter(w)
	for l, err := range lines {
		if err != nil {
			return errors.Join(err, b.Flush())
		}
		text, err := ledger.Encode(l)
		if err != nil {
			return err
		}
		if _, err := b.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return b.Flush()
}

// whole puts what f writes in the place of a file, if all of it was written.
func whole(path string, f func(io.Writer) error) error {
	to, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	if err = errors.Join(f(to), to.Sync(), to.Close()); err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return nil
}
