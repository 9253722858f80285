// Command panics is proxyssl with a call that breaks off the first time, in
// words that hold a secret.
package main

import (
	"context"
	"os"
	"sync"

	"github.com/interlock-functions/interlock/functions/proxyssl"
	"github.com/interlock-functions/interlock/internal/lambdahost"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

func main() {
	s := proxyssl.Switch()
	flip, first := s.Flip, sync.Once{}
	s.Flip = func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (string, error) {
		first.Do(func() { panic("the key is " + os.Getenv("CANARY")) })
		return flip(ctx, c, d)
	}
	lambdahost.Start("proxyssl", []engine.Switch{s})
}
