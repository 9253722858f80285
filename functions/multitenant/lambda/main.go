// Command lambda is the deployed artefact of multitenant.
package main

import (
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/lambdahost"
)

func main() { lambdahost.Start("multitenant", functions.All()) }
