package jsontree

import "context"

type parsedKey struct{}

// With returns a context that remembers a value that was parsed, for [Recall].
func With(ctx context.Context, n *Node) context.Context {
	if n == nil {
		return ctx
	}
	return context.WithValue(ctx, parsedKey{}, n)
}

// Recall is Parse, but for the bytes of the value that the context remembers:
// these have been parsed already.
func Recall(ctx context.Context, text []byte, depth int) (Node, error) {
	n, _ := ctx.Value(parsedKey{}).(*Node)
	if n == nil || len(text) == 0 || len(text) != len(n.Raw) || &text[0] != &n.Raw[0] || n.deeper(depth) {
		return Parse(text, depth)
	}
	return *n, nil
}

// deeper tells whether the value nests deeper than that.
func (n *Node) deeper(depth int) bool {
	if n.Kind != Object && n.Kind != Array {
		return false
	}
	if depth == 0 {
		return true
	}
	for i := range n.Members {
		if n.Members[i].Value.deeper(depth - 1) {
			return true
		}
	}
	for i := range n.Items {
		if n.Items[i].deeper(depth - 1) {
			return true
		}
	}
	return false
}
