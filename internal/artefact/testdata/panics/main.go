// Command panics is proxyssl with a call that breaks off the first time, in
// words that hold a secret.
package main

import (
	"context"
	"os"
	"sync"

	"github.com/interlock-functions/interlock/functions/proxyssl"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/lambdahost"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

func main() {
	first := sync.Once{}
	lambdahost.Start([]huawei.Switch{huawei.Declaration[huawei.Proxy, struct{}]{
		About: proxyssl.Switch().About, Creates: true,
		Flip: func(ctx context.Context, c *cloudapi.Client, t huawei.Proxy, on bool, _ struct{}) (string, error) {
			first.Do(func() { panic("the key is " + os.Getenv("CANARY")) })
			return c.SwitchProxySSL(ctx, t.API(), on)
		},
	}.Switch()})
}
