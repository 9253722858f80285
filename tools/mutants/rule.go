package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// mutant is a file of the source with one thing in it changed.
type mutant struct {
	// pkg is the folder of its package, function the one it is in, with its
	// receiver, and what names the change: it stays the same while the lines around
	// it move.
	pkg, function, what string

	file       string
	start, end int // what new replaces, in bytes
	new        string
}

func (m mutant) String() string { return m.pkg + " " + m.function + ": " + m.what }

// text is the file as the mutant has it.
func (m mutant) text() ([]byte, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return nil, err
	}
	return []byte(string(source[:m.start]) + m.new + string(source[m.end:])), nil
}

// mutate makes the mutants of a file, in the order of its text.
func mutate(pkg, path string) ([]mutant, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil || ast.IsGenerated(file) {
		return nil, err
	}
	r := &rule{pkg: pkg, path: path, source: string(source), base: fset.File(file.Pos()).Base()}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			r.function = f.Name.Name
			if f.Recv != nil {
				r.function = "(" + r.at(f.Recv.List[0].Type) + ")." + r.function
			}
			r.seen = map[string]int{}
			r.within(f.Type, f.Body)
		}
	}
	return r.made, nil
}

type rule struct {
	pkg, path, source, function string
	base                        int
	seen                        map[string]int
	made                        []mutant
}

func (r *rule) span(n ast.Node) (start, end int) { return int(n.Pos()) - r.base, int(n.End()) - r.base }

func (r *rule) at(n ast.Node) string {
	start, end := r.span(n)
	return r.source[start:end]
}

// longest is how much of the text that is changed stands in the name of a mutant.
const longest = 90

// make makes one mutant of n, named by the text of about.
func (r *rule) make(n ast.Node, kind string, about ast.Node, text string) {
	said := strings.ReplaceAll(strings.Join(strings.Fields(r.at(about)), " "), "`", "'") // as it stands in a table
	if cut := []rune(said); len(cut) > longest {
		said = string(cut[:longest]) + "…"
	}
	what := kind + ": " + said
	r.seen[what]++
	if i := r.seen[what]; i > 1 {
		what += fmt.Sprintf(" #%d", i)
	}
	start, end := r.span(n)
	r.made = append(r.made, mutant{r.pkg, r.function, what, r.path, start, end, text})
}

// within makes the mutants of a function's body. It calls itself for the function
// literals in it, whose results are others.
func (r *rule) within(of *ast.FuncType, body *ast.BlockStmt) {
	// conditions are told of by their statement.
	conditions := map[ast.Expr]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			r.within(n.Type, n.Body)
			return false
		case *ast.IfStmt:
			r.condition(n.Cond, n)
			conditions[n.Cond] = true
		case *ast.SwitchStmt:
			if n.Tag != nil {
				break
			}
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					r.condition(e, c)
					conditions[e] = true
				}
			}
		case *ast.BlockStmt:
			r.statements(n.List)
		case *ast.CaseClause:
			r.statements(n.Body)
		case *ast.CommClause:
			r.statements(n.Body)
		case *ast.ReturnStmt:
			r.results(of, n)
		case *ast.BinaryExpr:
			r.operation(n, conditions[n])
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				if m, ok := e.(*ast.KeyValueExpr); ok {
					r.member(m)
				}
			}
		}
		return true
	})
}

func (r *rule) condition(e ast.Expr, of ast.Node) {
	r.make(e, "never", of, "false && ("+r.at(e)+")")
	r.make(e, "always", of, "true || ("+r.at(e)+")")
}

// results drops an error that is returned, and turns a truth round.
func (r *rule) results(of *ast.FuncType, n *ast.ReturnStmt) {
	for _, e := range n.Results {
		switch x, _ := e.(*ast.Ident); {
		case x == nil:
		case x.Name == "true":
			r.make(e, "turned round", n, "false")
		case x.Name == "false":
			r.make(e, "turned round", n, "true")
		}
	}
	if of.Results == nil || len(n.Results) != of.Results.NumFields() {
		return
	}
	if t, ok := of.Results.List[len(of.Results.List)-1].Type.(*ast.Ident); !ok || t.Name != "error" {
		return
	}
	last := n.Results[len(n.Results)-1]
	if x, ok := last.(*ast.Ident); ok && x.Name == "nil" {
		return
	}
	r.make(last, "no error", n, "func(error) error { return nil }("+r.at(last)+")")
}

// statements takes out each of the statements that can be left out.
func (r *rule) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if aside(s.X) {
				continue
			}
		case *ast.DeferStmt:
			if aside(s.Call) {
				continue
			}
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE || blank(s) {
				continue
			}
		case *ast.ReturnStmt:
			if len(s.Results) > 0 {
				continue
			}
		case *ast.BranchStmt:
			if s.Tok != token.BREAK && s.Tok != token.CONTINUE {
				continue
			}
		case *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt:
		default:
			continue
		}
		r.make(s, "without", s, "if false { "+r.at(s)+" }")
	}
}

// blank is `_ = x`, which is there to say that nothing is done; the result of a
// call may be thrown away too, but not the call.
func blank(s *ast.AssignStmt) bool {
	_, call := s.Rhs[0].(*ast.CallExpr)
	x, ok := s.Lhs[0].(*ast.Ident)
	return ok && x.Name == "_" && len(s.Lhs) == 1 && (!call || aside(s.Rhs[0]))
}

// what is said for people, and what only the race detector, a leak, or a slow
// machine would notice.
var unpromised = regexp.MustCompile(`(?i)(^|\.)(log|logger|slog|debug|info|warn|error|fprint|fprintf|fprintln|println|printf|lock|unlock|rlock|runlock|close|cancel|stop|done|flush|gc|grow|drain)$|(?i)\blog(ger)?\.`)

// aside: a call that carries no promise that a test could see.
func aside(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && unpromised.MatchString(name(call.Fun))
}

func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		return name(e.Fun)
	}
	return ""
}

var (
	edge = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}
	swap = map[token.Token]string{token.EQL: "!=", token.NEQ: "==", token.ADD: "-", token.SUB: "+"}
)

// operation takes an operand out of a condition, moves an edge, or swaps an operator.
func (r *rule) operation(n *ast.BinaryExpr, condition bool) {
	left, right := r.at(n.X), r.at(n.Y)
	switch {
	case n.Op == token.LAND || n.Op == token.LOR:
		r.make(n, "only the first", n, left)
		r.make(n, "only the second", n, right)
	case edge[n.Op] != "":
		r.make(n, "edge", n, left+" "+edge[n.Op]+" "+right)
	case swap[n.Op] != "" && !condition && !text(n.X) && !text(n.Y):
		r.make(n, "swapped", n, left+" "+swap[n.Op]+" "+right)
	}
}

func text(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (text(e.X) || text(e.Y))
	}
	return false
}

// member leaves a member out, but for texts, which are for people.
func (r *rule) member(m *ast.KeyValueExpr) {
	if _, ok := m.Key.(*ast.Ident); ok && !text(m.Value) {
		r.make(m, "left out", m, "")
		if made := &r.made[len(r.made)-1]; strings.HasPrefix(r.source[made.end:], ",") {
			made.end++
		}
	}
}

// folder is the path of a package in this module.
func folder(importPath, module string) string {
	return filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/"))
}
