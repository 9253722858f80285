package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// emulated runs, in their long forms, the tests that only the tag verify brings
// in: those that need the built artefacts, or an emulator of AWS.
func (r *report) emulated(ctx context.Context, log string) error {
	without, err := functions(ctx, "Test", "prove")
	if err != nil {
		return err
	}
	with, err := functions(ctx, "Test", "prove,verify")
	if err != nil {
		return err
	}
	var names, packages []string
	for _, f := range with {
		if !slices.Contains(without, f) {
			names, packages = append(names, f.name), append(packages, f.pkg)
		}
	}
	slices.Sort(packages)
	if err := gocmd.Lines(ctx, func(string) {}, "make", "--no-print-directory", "build"); err != nil {
		return err
	}
	return r.goTest(ctx, log, "tools/emulators/run", append([]string{
		gocmd.Go, "test", "-json", "-tags", "prove,verify", "-count=1", "-timeout=0", "-run", "^(" + strings.Join(names, "|") + ")$",
	}, slices.Compact(packages)...)...)
}

// sdks has Huawei's own SDKs call the simulated cloud, as make verify does, and
// takes the count of their calls.
func sdks(ctx context.Context, r *report) error {
	var said []string
	counted := false
	err := gocmd.Lines(ctx, func(line string) {
		said = append(said, line)
		if strings.HasPrefix(line, "sdks: ") {
			counted = true
			r.counts("proved: " + line)
		}
	}, "make", "--no-print-directory", "verify-sdks")
	switch {
	case err != nil:
		r.say("%s", strings.Join(said, "\n"))
	case !counted:
		err = errors.New("make verify-sdks has counted no calls")
	}
	return err
}
