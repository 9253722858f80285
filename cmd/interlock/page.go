package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/local"
)

func pageCommand() *cobra.Command {
	var addr string
	var every time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "page",
		Short: "Show the page of a ledger that other processes write to",
		Long: `Page shows at its address, on this machine only, what interlock serve shows at
its own: decisions, their stories, chains, and switches beside the cloud. It
reads, and changes nothing. It is for a ledger on DynamoDB or PostgreSQL, and
for one whose interlock serve is not at hand.

Nothing tells it what changes: while somebody looks it reads the whole ledger
once in --every. On DynamoDB that costs a read unit for each 8 KB of the table.
` + ledgerHelp + `
The cloud is configured as for serve; without that, switches are not compared.`,
		Example: "  INTERLOCK_LEDGER=dynamodb:interlock-ledger interlock page --every 1m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < time.Second {
				return fmt.Errorf("--every: found %s, expected 1s or more", every)
			}
			cloud, err := openCloud(nil)
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "interlock: switches are not compared with the cloud:", printable(err.Error()))
				cloud = nil
			}
			return withDesk(cmd.Context(), func(d local.Desk) error {
				l, err := listen(addr)
				if err != nil {
					return err
				}
				if err := saysWhere(cmd.OutOrStdout(), l, asJSON); err != nil {
					return errors.Join(err, l.Close())
				}
				return local.ServePage(cmd.Context(), l, d, cloud, every)
			})
		},
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:8082", "address to listen on; port 0 picks a free one")
	jsonFlag(c, &asJSON, "a line of JSON that says where")
	c.Flags().DurationVar(&every, "every", 10*time.Second, "how old what is shown may be")
	return ofLedger(c)
}
