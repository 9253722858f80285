package main

import (
	"fmt"
	"io"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Prices in US dollars, of us-east-1 and without any free tier, as AWS's pages had
// them in 2026: of a million units, requests, events or transitions; of a GB.
const (
	writeUnits    = 0.625
	lambdaCalls   = 0.20
	lambdaSeconds = 0.0000133334 * 1e6 // of a GB, on arm64
	busEvents     = 1.00
	queueRequests = 0.40
	transitions   = 25.00
	logsGB        = 0.50
	storedGB      = 0.25 // a month
)

// What a decision takes that is applied and has a job which ends at the first look;
// docs/operations.md counts the same.
const (
	invocations     = 2
	seconds         = 0.3 // of both, mostly for the network
	memoryGB        = 0.25
	onBus           = 3
	requestsOfQueue = 6
	logBytes        = 15 * 600
	// steps are the transitions of a Standard Workflow that does as much: it takes the
	// event, asks, notes, calls, waits, looks, chooses, tells.
	steps = 8
)

// costs tells what a million decisions cost, and a day of ten million.
func (m *mold) costs(w io.Writer, units float64) {
	text, err := ledger.Encode(m.record)
	if err != nil {
		panic(err) // it was decoded
	}
	bytes := len(text) + len(m.audit)
	rows := []struct {
		what, formula string
		dollars       float64
	}{
		{"DynamoDB, written", fmt.Sprintf("%.0f units × $%.3f; the job's end 20 units more", units, writeUnits), (units + 20) * writeUnits},
		{"DynamoDB, stored for a month", fmt.Sprintf("%.1f KB × $%.2f a GB", float64(bytes)/1024, storedGB), float64(bytes) * 1e6 / 1e9 * storedGB},
		{"Lambda", fmt.Sprintf("%d invocations × $%.2f, %.1f s × %.2f GB", invocations, lambdaCalls, seconds, memoryGB), invocations*lambdaCalls + seconds*memoryGB*lambdaSeconds},
		{"EventBridge", fmt.Sprintf("%d events × $%.2f", onBus, busEvents), onBus * busEvents},
		{"SQS", fmt.Sprintf("%d requests × $%.2f", requestsOfQueue, queueRequests), requestsOfQueue * queueRequests},
		{"CloudWatch Logs", fmt.Sprintf("%d bytes × $%.2f a GB", logBytes, logsGB), logBytes * 1e6 / 1e9 * logsGB},
	}
	fmt.Fprintf(w, "\nA million decisions, at the prices of us-east-1:\n\n| | formula | $ |\n|---|---|---|\n")
	sum := 0.0
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %.2f |\n", r.what, r.formula, r.dollars)
		sum += r.dollars
	}
	fmt.Fprintf(w, "| **together** | | **%.2f** |\n", sum)
	fmt.Fprintf(w, "| for comparison: Step Functions, Standard | %d transitions × $%.0f, beside functions that call and a table that knows what came twice | %.0f |\n", steps, transitions, steps*transitions)
	fmt.Fprintf(w, "| for comparison: the job with Powertools in Node.js | 2 writes of 2 KB, 1 invocation; nothing follows the job, nothing is looked up, no order | %.2f |\n\n",
		4*writeUnits+lambdaCalls+seconds*0.5*lambdaSeconds+2*busEvents+logBytes*1e6/1e9*logsGB)

	const day, events = 86_400, 10e6
	fmt.Fprintf(w, "A day of ten million events, evenly:\n\n| | takes | has |\n|---|---|---|\n")
	fmt.Fprintf(w, "| events | %.0f a second | |\n", events/day)
	fmt.Fprintf(w, "| table on demand, new | %.0f write units a second | 4,000; it grows to twice the last peak within half an hour |\n", events/day*(units+20))
	fmt.Fprintf(w, "| index of what is due, of 8 shards | %.0f write units a second each | 1,000 |\n", events/day*4/8)
	fmt.Fprintf(w, "| Lambda at once | %.0f | 1,000 in an account, until it asks for more |\n", events/day*seconds)
	fmt.Fprintf(w, "| bus | %.0f events a second | 10,000 in large regions, 600 in small ones |\n", events/day*onBus)
	fmt.Fprintf(w, "| table, kept for 90 days | %.1f TB, $%.0f a month | |\n\n", events*90*float64(bytes)/1e12, events*90*float64(bytes)/1e9*storedGB)
}
