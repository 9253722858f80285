package dynamotest

import (
	"maps"
	"math/big"
	"slices"
	"strings"
	"unicode"
)

// An expression is parsed into functions, and evaluated on an item; none is one
// that is not there.
type (
	condition func(item) bool
	operand   func(item) (value, bool)
	change    func(old, new item) error
)

// parser reads one expression after another of a request, and sees that all its
// names and values are used.
type parser struct {
	names  map[string]string
	values item
	used   map[string]bool

	rest []string // tokens
}

func newParser(names map[string]string, values item) *parser {
	return &parser{names: names, values: values, used: map[string]bool{}}
}

// done: DynamoDB refuses what no expression uses.
func (p *parser) done() error {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.used[name] {
			return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.names)) {
		if !p.used[name] {
			return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", name)
		}
	}
	return nil
}

// syntax is what a parser panics with.
type syntax struct{ err error }

func (p *parser) fail(format string, args ...any) { panic(syntax{invalid(format, args...)}) }

// parse reads one whole expression.
func parse[T any](p *parser, text string, read func() T) (t T, err error) {
	defer func() {
		switch s := recover().(type) {
		case nil:
		case syntax:
			err = s.err
		default:
			panic(s)
		}
	}()
	p.rest = p.tokens(text)
	t = read()
	if len(p.rest) > 0 {
		p.fail("Invalid expression: Syntax error; token: %q", p.rest[0])
	}
	return t, nil
}

func (p *parser) tokens(text string) (all []string) {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := 1
		switch {
		case strings.HasPrefix(text, "<>"), strings.HasPrefix(text, "<="), strings.HasPrefix(text, ">="):
			n = 2
		case word(rune(text[0])) || text[0] == ':' || text[0] == '#':
			for n < len(text) && word(rune(text[n])) {
				n++
			}
		case !strings.ContainsRune("=<>(),+-", rune(text[0])):
			p.fail("Invalid expression: Syntax error; token: %q", text[:1])
		}
		all, text = append(all, text[:n]), text[n:]
	}
	return all
}

// peek tells whether one of the words comes next, whatever its case.
func (p *parser) peek(words ...string) bool {
	return len(p.rest) > 0 && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(p.rest[0], w) })
}

func (p *parser) accept(word string) bool {
	ok := p.peek(word)
	if ok {
		p.rest = p.rest[1:]
	}
	return ok
}

func (p *parser) expect(word string) {
	if !p.accept(word) {
		p.fail("Invalid expression: Syntax error; expected %q at %q", word, strings.Join(p.rest, " "))
	}
}

func (p *parser) next() string {
	if len(p.rest) == 0 {
		p.fail("Invalid expression: Syntax error; token: <EOF>")
	}
	token := p.rest[0]
	p.rest = p.rest[1:]
	return token
}

// path reads the name of an attribute. It is stricter than DynamoDB: a longer word
// may be one of those that are reserved there, and so has to stand behind an alias.
func (p *parser) path() string {
	token := p.next()
	switch {
	case token[0] == '#':
		name, ok := p.names[token]
		if !ok {
			p.fail("Invalid expression: An expression attribute name used in the document path is not defined; attribute name: %s", token)
		}
		p.used[token] = true
		return name
	case !unicode.IsLetter(rune(token[0])):
		p.fail("Invalid expression: Syntax error; token: %q", token)
	case reserved[strings.ToUpper(token)]:
		p.fail("Invalid expression: Attribute name is a reserved keyword; reserved keyword: %s", token)
	case len(token) > shortName:
		p.fail("the stand-in wants an alias (#…) for names of more than %d letters, for many are reserved: %s", shortName, token)
	}
	return token
}

func (p *parser) value() value {
	token := p.next()
	v, ok := p.values[token]
	if !ok || token[0] != ':' {
		p.fail("Invalid expression: An expression attribute value used in expression is not defined; attribute value: %s", token)
	}
	p.used[token] = true
	return v
}

// paths reads a projection.
func (p *parser) paths() []string {
	all := []string{p.path()}
	for p.accept(",") {
		all = append(all, p.path())
	}
	return all
}

func (p *parser) condition() condition {
	c := p.conjunction()
	for p.accept("OR") {
		left, right := c, p.conjunction()
		c = func(i item) bool { return left(i) || right(i) }
	}
	return c
}

func (p *parser) conjunction() condition {
	c := p.negation()
	for p.accept("AND") {
		left, right := c, p.negation()
		c = func(i item) bool { return left(i) && right(i) }
	}
	return c
}

func (p *parser) negation() condition {
	if p.accept("NOT") {
		c := p.negation()
		return func(i item) bool { return !c(i) }
	}
	if p.accept("(") {
		c := p.condition()
		p.expect(")")
		return c
	}
	if len(p.rest) > 1 && p.rest[1] == "(" && !p.peek("size") {
		return p.function()
	}
	return p.comparison()
}

func (p *parser) function() condition {
	name := p.next()
	p.expect("(")
	path := p.path()
	var arg value
	switch name {
	case "begins_with", "contains", "attribute_type":
		p.expect(",")
		if arg = p.value(); arg.kind != "S" && name != "contains" {
			p.fail("Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: %s, operand type: %s", name, arg.kind)
		}
	case "attribute_exists", "attribute_not_exists":
	default:
		p.fail("Invalid expression: Invalid function name; function: %s", name)
	}
	p.expect(")")
	return func(i item) bool {
		v, ok := i[path]
		switch name {
		case "attribute_exists":
			return ok
		case "attribute_not_exists":
			return !ok
		case "attribute_type":
			return ok && v.kind == arg.text
		case "begins_with":
			return ok && v.kind == "S" && strings.HasPrefix(v.text, arg.text)
		}
		return ok && v.kind == "S" && arg.kind == "S" && strings.Contains(v.text, arg.text)
	}
}

func (p *parser) comparison() condition {
	left := p.operand()
	switch {
	case p.accept("BETWEEN"):
		low := p.operand()
		p.expect("AND")
		high := p.operand()
		return func(i item) bool { return holds(">=", left, low, i) && holds("<=", left, high, i) }
	case p.accept("IN"):
		p.expect("(")
		all := []operand{p.operand()}
		for p.accept(",") {
			all = append(all, p.operand())
		}
		p.expect(")")
		return func(i item) bool {
			return slices.ContainsFunc(all, func(right operand) bool { return holds("=", left, right, i) })
		}
	case p.peek("=", "<>", "<", "<=", ">", ">="):
		operator := p.next()
		right := p.operand()
		return func(i item) bool { return holds(operator, left, right, i) }
	}
	p.fail("Invalid expression: Syntax error; token: %q", strings.Join(p.rest, " "))
	return nil
}

// holds compares two operands. With one that is not there, only "not equal" holds.
func holds(operator string, left, right operand, i item) bool {
	l, hasLeft := left(i)
	r, hasRight := right(i)
	there := hasLeft && hasRight
	switch operator {
	case "=":
		return there && l.equal(r)
	case "<>":
		return !there || !l.equal(r)
	}
	c, ordered := l.compare(r)
	if !there || !ordered {
		return false
	}
	switch operator {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func (p *parser) operand() operand {
	switch {
	case len(p.rest) > 1 && p.rest[1] == "(" && p.accept("size"):
		p.expect("(")
		path := p.path()
		p.expect(")")
		return func(i item) (value, bool) {
			v, ok := i[path]
			return numbered(int64(v.size())), ok
		}
	case len(p.rest) > 0 && p.rest[0][0] == ':':
		v := p.value()
		return func(item) (value, bool) { return v, true }
	}
	path := p.path()
	return func(i item) (value, bool) { v, ok := i[path]; return v, ok }
}

// update reads an update expression. Every clause stands at most once in it, and
// every attribute; all read the item as it was before.
func (p *parser) update() change {
	var all []change
	changed := map[string]bool{}
	path := func() string {
		name := p.path()
		if changed[name] {
			p.fail("Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%[1]s], path two: [%[1]s]", name)
		}
		changed[name] = true
		return name
	}
	begun := map[string]bool{}
	for len(p.rest) > 0 {
		clause := strings.ToUpper(p.next())
		if begun[clause] {
			p.fail("Invalid UpdateExpression: The %q section can only be used once in an update expression;", clause)
		}
		begun[clause] = true
		for more := true; more; more = p.accept(",") {
			name := path()
			switch clause {
			case "SET":
				p.expect("=")
				set := p.sum()
				all = append(all, func(old, new item) (err error) { new[name], err = set(old); return err })
			case "REMOVE":
				all = append(all, func(_, new item) error { delete(new, name); return nil })
			case "ADD":
				v := p.value()
				all = append(all, func(old, new item) (err error) { new[name], err = plus(old[name], v, "+"); return err })
			default:
				p.fail("Invalid UpdateExpression: Syntax error; token: %q", clause)
			}
		}
	}
	if len(all) == 0 {
		p.fail("Invalid UpdateExpression: The expression can not be empty;")
	}
	return func(old, new item) error {
		for _, c := range all {
			if err := c(old, new); err != nil {
				return err
			}
		}
		return nil
	}
}

// sum reads what SET sets.
func (p *parser) sum() func(item) (value, error) {
	left := p.term()
	if !p.peek("+", "-") {
		return left
	}
	sign := p.next()
	right := p.term()
	return func(i item) (value, error) {
		l, err := left(i)
		if err != nil {
			return l, err
		}
		r, err := right(i)
		if err != nil {
			return r, err
		}
		return plus(l, r, sign)
	}
}

func (p *parser) term() func(item) (value, error) {
	if p.peek("if_not_exists") {
		p.next()
		p.expect("(")
		path := p.path()
		p.expect(",")
		otherwise := p.term()
		p.expect(")")
		return func(i item) (value, error) {
			if v, ok := i[path]; ok {
				return v, nil
			}
			return otherwise(i)
		}
	}
	o := p.operand()
	return func(i item) (value, error) {
		v, ok := o(i)
		if !ok {
			return v, invalid("The provided expression refers to an attribute that does not exist in the item")
		}
		return v, nil
	}
}

func plus(l, r value, sign string) (value, error) {
	if l.kind == "" {
		l = numbered(0)
	}
	if l.kind != "N" || r.kind != "N" {
		return value{}, invalid("An operand in the update expression has an incorrect data type")
	}
	sum := new(big.Rat)
	if sign == "-" {
		sum.Sub(l.num, r.num)
	} else {
		sum.Add(l.num, r.num)
	}
	v := value{kind: "N", text: sum.FloatString(mostDigits)}
	return v, v.normalize()
}

func numbered(n int64) value {
	v := value{kind: "N", text: big.NewInt(n).String()}
	v.num = new(big.Rat).SetInt64(n)
	return v
}
