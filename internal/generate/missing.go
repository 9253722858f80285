package generate

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Missing says what has to be added by hand before a switch is whole, one
// sentence each.
func Missing(tree fs.FS, s Switch) (sentences []string) {
	say := func(missing bool, format string, args ...any) {
		if missing {
			sentences = append(sentences, fmt.Sprintf(format, args...))
		}
	}
	folder := "functions/" + s.Function + "/"
	declaration := folder + s.Function + ".go"
	say(s.Flips == "", "%s: Flips is empty: say in a few words what it flips", declaration)
	say(s.Page == "", "%s: Page is empty: name the API page that it follows, and hold all else against it", declaration)
	for _, o := range s.Options {
		say(o.Doc == "", "%s: the option %s has no tag doc: say what it does", declaration, o.Name)
	}
	say(s.On == s.Off, "%s: its call sends %s both to switch on and off: send what the API page has", declaration, s.On)
	say(s.Operation == "", "%s: its call has no name: give the operation the one that Huawei's SDKs have", declaration)
	say(!s.Creates && !s.Reads, "%s: it starts no job and has no Read, so that a doubt could never be resolved: read its position", declaration)
	for _, file := range []string{s.Function + "_test.go", "simulation/simulation.go"} {
		_, err := fs.Stat(tree, folder+file)
		say(err != nil, "%s is missing", folder+file)
	}
	return append(sentences, uncalled(tree, declaration)...)
}

var called = regexp.MustCompile(`\bc\.([A-Z]\w*)\(`)

// uncalled says what of a switch's call does not stand in pkg/cloudapi, with its
// test.
func uncalled(tree fs.FS, declaration string) []string {
	text, _ := fs.ReadFile(tree, declaration) // nothing is called in a file that is not there
	operation := called.FindSubmatch(text)
	if operation == nil {
		return []string{declaration + ": call the operation of pkg/cloudapi that flips the switch"}
	}
	files, _ := fs.Glob(tree, "pkg/cloudapi/*.go")
	for _, f := range files {
		if text, _ := fs.ReadFile(tree, f); !bytes.Contains(text, fmt.Appendf(nil, "(c *Client) %s(", operation[1])) {
			continue
		}
		test := strings.TrimSuffix(f, ".go") + "_test.go"
		if _, err := fs.Stat(tree, test); err != nil {
			return []string{fmt.Sprintf("%s is missing: add the tests of %s", test, operation[1])}
		}
		return nil
	}
	return []string{fmt.Sprintf("pkg/cloudapi: add a file with %s, which %s calls", operation[1], declaration)}
}
