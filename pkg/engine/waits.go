package engine

import "time"

// Every wait, back-off and time-out of the engine. docs/guarantees.md has the
// same table.
const (
	// What an engine is given where its fields say nothing.

	// quiet: a request has left the gateways by then, and its job is listed.
	quiet = 60 * time.Second
	// retention: as long as senders and archives may deliver an event again.
	retention = 90 * 24 * time.Hour
	// giveUp: after a day, who asked for it no longer waits for it.
	giveUp = 24 * time.Hour
	// unresolved: what does not show for an hour does not show; an operator is
	// told while it can still be found out.
	unresolved = time.Hour
	// reserve is for one write to the ledger, one to the bus and one again to the
	// ledger.
	reserve = 3 * time.Second
	// patience: jobs take minutes; one that is still at work is stuck.
	patience = 2 * time.Hour

	// arrivals: whoever wonders why an event was not applied asks within days.
	arrivals = 7 * 24 * time.Hour

	// The time of one event.

	// invocation is that of a function in template.yaml.
	invocation = 30 * time.Second
	// leastCall is the shortest time in which a call may be expected to answer.
	leastCall = 2 * time.Second
	// settleWait is the first wait before an outcome that could not be settled is
	// tried again, and mostSettleWait the longest.
	settleWait     = 50 * time.Millisecond
	mostSettleWait = time.Second
	// noteWithin is for the one write that notes an arrival, without which all is
	// as well.
	noteWithin = 2 * time.Second

	// How long to wait before trying again, by what is in the way. These grow
	// with the attempts; see grown.

	// busyWait: an operation of the cloud takes a minute or so.
	busyWait = 15 * time.Second
	// deniedWait: somebody has to change a credential or a policy, and the cloud
	// counts refusals.
	deniedWait = 60 * time.Second
	// cloudWait: throttling and a lost connection pass in seconds.
	cloudWait = 10 * time.Second
	// ledgerWait and busWait: so do those of ours, which are nearer.
	ledgerWait = 5 * time.Second
	busWait    = 5 * time.Second
	// heldWait: whoever holds the instance ends within an invocation.
	heldWait = 10 * time.Second
	// haltWait is how soon a halt that was lifted is noticed.
	haltWait = 60 * time.Second
	// leastWait: Retry-After counts in whole seconds.
	leastWait = time.Second
	// mostWait: what has ended is noticed five minutes later at most.
	mostWait = 5 * time.Minute

	// Clocks.

	// tolerance is how far the clocks of those who decide may be ahead of ours.
	tolerance = 5 * time.Minute
	// skew is how far the clocks of two of our own processes may be apart.
	skew = 5 * time.Second

	// Jobs.

	// lookBack is how long before the decision a job may have been created that
	// is still open and in its way.
	lookBack = 24 * time.Hour
	// leastPace and mostPace bound how long to wait before asking again for a
	// job, which is half its age: a short one's end is told at once, a long one
	// costs no more than a call a minute.
	leastPace = 3 * time.Second
	mostPace  = time.Minute
	// freshFor is how long a reading of the jobs counts, and perCall how much
	// longer for each page. So the cloud is asked five times a second at most, and
	// as often for jobs that the list lacks, of which what was not asked in a
	// minute may be made up for.
	freshFor = 2 * time.Second
	perCall  = 200 * time.Millisecond
	// hiddenFor is how long the list may lack a new job, which shows after
	// several seconds.
	hiddenFor = 10 * time.Second
	// margin is how much earlier than its completion event a job may have been
	// created by the cloud's clock.
	margin = 15 * time.Minute
	// memory is how long the cloud can be asked for its jobs.
	memory = 30 * 24 * time.Hour
)

// grown doubles a wait with each attempt after the first, up to mostWait.
func grown(wait time.Duration, attempts int) time.Duration {
	for ; attempts > 1 && wait < mostWait; attempts-- {
		wait *= 2
	}
	return max(min(wait, mostWait), leastWait)
}

// pace is how long to wait before asking again for a job of this age.
func pace(age time.Duration) time.Duration {
	return min(max(age/2, leastPace), mostPace)
}
