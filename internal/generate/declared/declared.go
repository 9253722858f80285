// Package declared reads what the generator has to know of each switch from
// the switches' declarations.
package declared

import (
	"errors"
	"fmt"
	"strings"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/generate"
	"github.com/interlock-functions/interlock/internal/huawei"
)

// Switches are those of functions.All.
func Switches() ([]generate.Switch, error) {
	var all []generate.Switch
	for _, s := range functions.All() {
		g, err := read(s)
		if err != nil {
			return nil, fmt.Errorf("functions/%s: %w", s.Function, err)
		}
		all = append(all, g)
	}
	return all, nil
}

func read(s huawei.Switch) (g generate.Switch, err error) {
	g = generate.Switch{Name: s.Name, Function: s.Function, Flips: s.Flips, Page: s.Page, Creates: s.Creates, Reads: s.Reads}
	if s.Spec.Options != nil {
		if g.Options, err = generate.OptionsOf(s.Spec.Options()); err != nil {
			return g, err
		}
	}
	kinds := map[huawei.Kind]string{huawei.OnInstance: "instance", huawei.OnProxy: "proxy", huawei.OnDatabase: "auditedDatabase"}
	known := false
	if g.Kind, known = generate.KindNamed(kinds[s.Kind]); !known {
		return g, fmt.Errorf("found the kind %q of target, which no schema describes", s.Kind)
	}
	on, operation := s.Outline(true)
	off, _ := s.Outline(false)
	if on == nil || off == nil {
		return g, errors.New("its Flip makes no call")
	}
	g.Method, g.Operation, g.On, g.Off = on.Method, operation, on.Body, off.Body
	path := strings.TrimPrefix(on.URL, "https://-") + "/"
	g.Path = strings.TrimSuffix(strings.NewReplacer("/-", "/{", "-/", "}/").Replace(path), "/")
	return g, nil
}
