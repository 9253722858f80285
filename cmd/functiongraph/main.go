// Command functiongraph is the artefact of every function on Huawei Cloud's
// FunctionGraph: which one it is, the function's setting handler says. It is
// cmd/lambda with another host, and a program of its own for its ledger: what
// PostgreSQL needs is a quarter of it, and the start of a Lambda function would pay
// for that.
package main

import (
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/functiongraph"
)

func main() { functiongraph.Start(functions.All()) }
