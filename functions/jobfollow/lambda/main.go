// Command lambda is the deployed artefact of jobfollow.
package main

import (
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/jobfollow"
	"github.com/interlock-functions/interlock/internal/lambdahost"
)

func main() { lambdahost.Start(jobfollow.Function, functions.All()) }
