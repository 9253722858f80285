// Command lambda is the deployed artefact of auditswitch.
package main

import (
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/lambdahost"
)

func main() { lambdahost.Start("auditswitch", functions.All()) }
