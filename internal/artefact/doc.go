// Package artefact is the proof of the built functions: its tests build
// cmd/lambda, start it as this or that function as Lambda does, by a Runtime API
// of their own, and deliver to it what senders send. What a test finds wrong here
// is wrong in production.
//
// cmd/functiongraph is started as FunctionGraph does, by its runtime API.
//
// Tests that need Go alone keep the ledger in the process and take events over
// HTTP. Those with the build tag verify need emulators of AWS, which
// tools/emulators/run starts; between these and the functions stands a wire
// that counts what passes, loses it, or answers in their place.
package artefact
