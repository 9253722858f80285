package generate

import (
	"fmt"
	"io/fs"
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
	return sentences
}
