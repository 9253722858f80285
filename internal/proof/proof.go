// Package proof holds the evidence for what Interlock promises. There is
// nothing to call in it: it is tests, written to be read.
//
// # What is proven
//
// The real engine runs against the real client, a simulated cloud and a real
// ledger, while processes die, answers get lost, clocks disagree and the cloud
// misbehaves. After each run the same list of invariants is checked:
// [world.verify] in check_test.go is that list, one sentence for each;
// approval_test.go has those of tickets, policies and the audit trail.
//
// # How to read it
//
// world_test.go is the stage. A world has a cloud, a ledger, a bus, and
// invocations of the engine, each on its own goroutine under the fake clock of
// testing/synctest. Whatever an invocation asks of ledger, cloud, bus or ticket
// system passes through a gate (gate_test.go), which is where it can die, or be
// answered with an error, or be put off.
//
//   - steps_test.go has the steps of a schedule that are not an event's: dry runs,
//     an operator's word, the following of a job.
//   - shelf_test.go has the ledgers that a world may have: in memory, in a file,
//     and in a stand-in for DynamoDB, every request to which is a gate;
//     shelf_verify_test.go has one in PostgreSQL.
//   - crash_test.go lets a process die at every single gate, and at every pair
//     and, in the long form, every triple of gates, in every way.
//   - tickets_test.go does so where two events of one ticket meet.
//   - schedule_test.go draws events, deliveries, deaths, faults and times at
//     random, and shrinks what goes wrong to the shortest such schedule.
//   - scenario_test.go tells the stories that a user would ask about,
//     approval_rules_test.go those of who may have it done.
//   - fault_test.go goes through every fault that the simulated cloud knows.
//   - door_test.go shows that one event in any HTTP mode is one decision.
//   - death_test.go kills the built program with SIGKILL.
//   - chainworld_test.go carries chains through such a world, and holds what is
//     said of each step against the cloud; chain_test.go, chainschedule_test.go,
//     chainrules_test.go and chaindeath_test.go do the above with them.
//   - mutant_test.go takes each rule out of the source and sees that the proofs
//     above notice.
//
// The long forms need the build tag prove; see docs/guarantees.md for how to
// run them and what they printed.
package proof
