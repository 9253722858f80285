// Command interlock is the local program: it hosts all functions in one process
// behind one HTTP address, simulates the cloud they talk to, and sends events.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // an image may have no time zones of its own; Lambda's has

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // nor has it certificate authorities: Mozilla's, where the system trusts none
)

func main() { os.Exit(Main()) }

// Main runs the program and returns its exit code: 0, or 1 for an error, which
// has been printed in one line; some commands have codes of their own, which
// their help tells.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "interlock:", printableText(err.Error()))
		if exit := (*exitError)(nil); errors.As(err, &exit) {
			return exit.code
		}
		return 1
	}
	return 0
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "interlock",
		Short: "Flip Huawei Cloud database switches from CloudEvents: once, in order, with nothing lost",
		Long: `Interlock flips database switches on Huawei Cloud (proxy ALT, proxy SSL, proxy
access control, multi-tenancy, database audit) when a CloudEvent asks for it.

On AWS it is one Lambda function for each switch. This program is the same
functions in one process, for a laptop or a server of your own.`,
		Version:       builtHere().Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.AddCommand(serveCommand(), simCommand(), runCommand(), demoCommand(), sendCommand(),
		decisionsCommand(), statusCommand(), pageCommand(), replayCommand(), checkCommand(), digestCommand(), haltCommand(), resumeCommand(), resolveCommand(),
		policyCommand(), auditCommand(), probeCommand(), versionCommand())
	configFlag(c)
	c.InitDefaultHelpCmd()
	c.InitDefaultCompletionCmd()
	for _, own := range c.Commands() {
		switch own.Name() {
		case "help":
			own.Args = topic
		case "completion":
			own.Args = cobra.NoArgs
			own.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	return c
}

// topic reports what is no command: cobra's own commands show their help for
// that, and succeed.
func topic(help *cobra.Command, args []string) error {
	_, rest, err := help.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unknown command %q", strings.Join(args, " "))
	}
	return err
}
