package generate

// Kind is a kind of target: which ids it has, and their form.
type Kind struct {
	// Name is its name among a schema's definitions.
	Name              string
	Project, Instance ID
	// Own is the id that it has besides; without a name where it has none.
	Own ID
}

// ID is an id of a target.
type ID struct {
	// Name is its member in an event's target, Plural what precedes it in an
	// event's subject.
	Name, Plural string
	// Pattern is the form that it has, Words the same for people.
	Pattern, Words string
	// Example is one that samples use.
	Example string
}

// Kinds are the kinds of targets. The rules of package decision say the same;
// a random search over the schemas keeps them together.
func Kinds() []Kind {
	taurus := Kind{
		Name:     "instance",
		Project:  ID{Name: "project_id", Pattern: "^[0-9A-Za-z]{32}$", Words: "32 letters and digits", Example: "056538411200d4cd2f79c003c7606412"},
		Instance: ID{Name: "instance_id", Pattern: "^[0-9A-Za-z]{32}in07$", Words: "36, ending in `in07`", Example: "096c0fc43e804757b59946b80dc27f8bin07"},
	}
	proxy := taurus
	proxy.Name = "proxy"
	proxy.Own = ID{
		Name: "proxy_id", Plural: "proxies",
		Pattern: "^[0-9A-Za-z]{32}po01$", Words: "36, ending in `po01`", Example: "2ec617ba62da4eafb921b69438beed3cpo01",
	}
	audited := taurus
	audited.Name = "auditedDatabase"
	audited.Project.Pattern, audited.Project.Words = "^[0-9A-Za-z_-]{32,64}$", "32 to 64 of `A-Za-z0-9_-`"
	audited.Instance.Pattern, audited.Instance.Words = audited.Project.Pattern, audited.Project.Words
	audited.Instance.Example = "5c1f4b2f-9a3e-4d5b-8f60-7e2d3c4b5a69"
	audited.Own = ID{
		Name: "database_id", Plural: "databases",
		Pattern: "^[0-9A-Za-z_-]{1,64}$", Words: "1 to 64 of `A-Za-z0-9_-`", Example: "Gadr-Y4B51p4J06s5s5B",
	}
	return []Kind{proxy, taurus, audited}
}

// KindNamed finds a kind.
func KindNamed(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
