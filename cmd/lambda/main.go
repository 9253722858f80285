// Command lambda is the deployed artefact of every function: which one it is, the
// function's setting Handler says.
package main

import (
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/lambdahost"
)

func main() { lambdahost.Start(functions.All()) }
