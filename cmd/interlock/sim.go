package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

func simCommand() *cobra.Command {
	var (
		addr, offsets string
		keys          []string
		asJSON        bool
	)
	o := cloudsim.Options{Simulations: simulations.All()}
	c := &cobra.Command{
		Use:   "sim",
		Short: "Simulate the Huawei cloud",
		Long: `Sim serves a simulated Huawei cloud: the switches, their reads, the job
queries and IAM's token request, on one address. It forgets everything when it
ends. Faults are switched on, and calls looked at, under /_sim/.

What no source settles about the real cloud is a flag: whether the jobs of
switches are listed, what the list's offset counts, how an instance says that it
is busy, and whether reads are typed as Huawei's SDKs model them.

The operations are ` + cloudsim.New(o).Operations() + `.

The kinds of faults are ` + cloudsim.Kinds() + `.`,
		Example: `  interlock sim --addr 127.0.0.1:8081
  curl -X POST -d '{"operation":"SwitchGaussMySqlProxySsl","kind":"cut-after","times":1}' http://127.0.0.1:8081/_sim/faults
  curl http://127.0.0.1:8081/_sim/calls
  interlock sim --key TEMPORARY:SECRET:TOKEN --unlisted --offsets records --loose`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Seed = uint64(time.Now().UnixNano())
			if offsets != "pages" && offsets != "records" {
				return fmt.Errorf("--offsets: found %q, expected pages or records", offsets)
			}
			o.OffsetsByJobs = offsets == "records"
			first, err := credentials(&o, keys)
			if err != nil {
				return err
			}
			l, err := listen(addr)
			if err != nil {
				return err
			}
			out, url := cmd.OutOrStdout(), "http://"+l.Addr().String()
			if asJSON {
				err = sayJSON(out, map[string]string{"simulating": url})
			} else {
				_, err = fmt.Fprintf(out, "simulating the cloud on %s\ncredentials: %s, or INTERLOCK_AUTH_TOKEN=%s\n", url, first, cloudsim.DefaultToken)
			}
			if err != nil {
				return errors.Join(err, l.Close())
			}
			return serveSim(cmd.Context(), cloudsim.New(o), l)
		},
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "address to listen on; port 0 picks a free one")
	jsonFlag(c, &asJSON, "a line of JSON that says where")
	c.Flags().DurationVar(&o.JobVisible, "job-visible", 2*time.Second, "how long a new job cannot be found")
	c.Flags().DurationVar(&o.JobPending, "job-pending", time.Second, "how long a job is Pending")
	c.Flags().DurationVar(&o.JobRunning, "job-running", 5*time.Second, "how long a job is Running")
	c.Flags().StringArrayVar(&keys, "key", nil, "an access key as ID:SECRET, a temporary one as ID:SECRET:TOKEN, instead of the one that is known; may be repeated")
	c.Flags().DurationVar(&o.TokenLife, "token-life", 24*time.Hour, "how long a token that IAM gives out is good")
	c.Flags().BoolVar(&o.Unlisted, "unlisted", false, "keep the jobs of switches off the list of jobs: they are found by their ids alone")
	c.Flags().StringVar(&offsets, "offsets", "pages", "what the offset of the list of jobs counts: pages or records")
	c.Flags().BoolVar(&o.Loose, "loose", false, "write booleans in any of the forms seen, in turn; otherwise as Huawei's SDKs model them")
	c.Flags().IntVar(&o.BusyStatus, "busy-status", http.StatusConflict, "HTTP status of an instance that has an open job")
	c.Flags().StringVar(&o.BusyCode, "busy-code", "DBS.200019", "its error code")
	return c
}

// credentials has the cloud know the keys, or else the default one, and returns
// the variables of the first.
func credentials(o *cloudsim.Options, keys []string) (variables string, err error) {
	if len(keys) == 0 {
		keys = []string{cloudsim.DefaultAccessKey + ":" + cloudsim.DefaultSecretKey}
	}
	for i, key := range keys {
		parts := strings.Split(key, ":")
		if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
			return "", fmt.Errorf("--key, number %d: expected ID:SECRET or ID:SECRET:TOKEN", i+1)
		}
		parts = append(parts, "")
		o.Credentials = append(o.Credentials, cloudsim.Credentials{AccessKey: parts[0], SecretKey: parts[1], SecurityToken: parts[2]})
	}
	o.Tokens = map[string]string{cloudsim.DefaultToken: ""}
	o.Users = []cloudsim.User{{Domain: cloudsim.DefaultDomain, Name: cloudsim.DefaultUser, Password: cloudsim.DefaultPassword}}
	first := o.Credentials[0]
	variables = "HUAWEICLOUD_SDK_AK=" + first.AccessKey + " HUAWEICLOUD_SDK_SK=" + first.SecretKey
	if first.SecurityToken != "" {
		variables += " HUAWEICLOUD_SDK_SECURITY_TOKEN=" + first.SecurityToken
	}
	return variables, nil
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
