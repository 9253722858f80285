// Package functions is the list of Interlock's switches. Whoever hosts one
// hosts them all: any function may have to finish a decision of another that
// was left on the same instance.
package functions

import (
	"github.com/interlock-functions/interlock/functions/accesscontrol"
	"github.com/interlock-functions/interlock/functions/auditswitch"
	"github.com/interlock-functions/interlock/functions/multitenant"
	"github.com/interlock-functions/interlock/functions/proxyalt"
	"github.com/interlock-functions/interlock/functions/proxyssl"
	"github.com/interlock-functions/interlock/internal/huawei"
)

// All lists the switches.
func All() []huawei.Switch {
	return []huawei.Switch{
		proxyalt.Switch(),
		proxyssl.Switch(),
		accesscontrol.Switch(),
		multitenant.Switch(),
		auditswitch.Switch(),
	}
}
