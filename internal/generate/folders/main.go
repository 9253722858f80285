// Command folders lists the switches' folders in functions.go and
// simulations/all.go of the tree whose root is its argument. Given a name, it makes
// the folder of a new switch first.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/interlock-functions/interlock/internal/generate"
)

func main() {
	var n generate.New
	flag.StringVar(&n.Name, "name", "", "of a switch to make, as in instance-ssl")
	flag.StringVar(&n.Method, "method", "", "of its call")
	flag.StringVar(&n.Path, "path", "", "of its call, with {project_id}, {instance_id} and, of a proxy, {proxy_id}")
	flag.StringVar(&n.Operation, "operation", "", "the name that Huawei's SDKs have for it")
	flag.StringVar(&n.Member, "member", "", "the member of its body that is true to switch on")
	flag.StringVar(&n.Job, "job", "", "yes, where it answers with the id of a job, or that job's name")
	flag.Parse()
	if err := run(flag.Arg(0), n); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string, n generate.New) error {
	if n.Name != "" {
		files, err := n.Files(os.DirFS(root))
		if err == nil {
			err = generate.Write(root, files)
		}
		if err != nil {
			return err
		}
	}
	files, err := generate.Lists(os.DirFS(root))
	if err != nil {
		return err
	}
	return generate.Write(root, files)
}
