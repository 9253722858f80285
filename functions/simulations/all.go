// Package simulations is the list of the switches as a simulated cloud has
// them. No artefact that is deployed has it in it.
package simulations

import (
	accesscontrol "github.com/interlock-functions/interlock/functions/accesscontrol/simulation"
	auditswitch "github.com/interlock-functions/interlock/functions/auditswitch/simulation"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	proxyalt "github.com/interlock-functions/interlock/functions/proxyalt/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// All lists the simulations, by their folders.
func All() []cloudsim.Simulation {
	return []cloudsim.Simulation{
		accesscontrol.Operation(),
		auditswitch.Operation(),
		multitenant.Operation(),
		proxyalt.Operation(),
		proxyssl.Operation(),
	}
}
