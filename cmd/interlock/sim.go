package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

func simCommand() *cobra.Command {
	var addr string
	o := cloudsim.Options{Simulations: simulations.All()}
	c := &cobra.Command{
		Use:   "sim",
		Short: "Simulate the Huawei cloud",
		Long: `Sim serves a simulated Huawei cloud: the switches, their reads, the job
queries and IAM's token request, on one address. It forgets everything when it
ends. Faults are switched on, and calls looked at, under /_sim/.

The operations are ` + cloudsim.New(o).Operations() + `.

The kinds of faults are ` + cloudsim.Kinds() + `.`,
		Example: `  interlock sim --addr 127.0.0.1:8081
  curl -X POST -d '{"operation":"SwitchGaussMySqlProxySsl","kind":"cut-after","times":1}' http://127.0.0.1:8081/_sim/faults
  curl http://127.0.0.1:8081/_sim/calls`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Seed = uint64(time.Now().UnixNano())
			l, err := listen(addr)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "simulating the cloud on http://%s\n", l.Addr())
			fmt.Fprintf(out, "credentials: HUAWEICLOUD_SDK_AK=%s HUAWEICLOUD_SDK_SK=%s, or INTERLOCK_AUTH_TOKEN=%s\n",
				cloudsim.DefaultAccessKey, cloudsim.DefaultSecretKey, cloudsim.DefaultToken)
			return serveSim(cmd.Context(), cloudsim.New(o), l)
		},
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "address to listen on; port 0 picks a free one")
	c.Flags().DurationVar(&o.JobVisible, "job-visible", 2*time.Second, "how long a new job cannot be found")
	c.Flags().DurationVar(&o.JobPending, "job-pending", time.Second, "how long a job is Pending")
	c.Flags().DurationVar(&o.JobRunning, "job-running", 5*time.Second, "how long a job is Running")
	return c
}

func serveSim(ctx context.Context, sim *cloudsim.Cloud, l net.Listener) error {
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
