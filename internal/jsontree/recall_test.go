package jsontree

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecall(t *testing.T) {
	text := []byte(`{"data":{"a":[[1],{"b":2}]},"rest":0}`)
	whole, err := Parse(text, 8)
	require.NoError(t, err)
	data := whole.Get("data")
	ctx := With(t.Context(), data)
	again, err := Recall(ctx, data.Raw, 8)
	require.NoError(t, err)
	require.Same(t, &data.Members[0], &again.Members[0], "it is the same, not parsed again")
	for what, other := range map[string][]byte{"a copy": []byte(string(data.Raw)), "a part": data.Get("a").Raw, "nothing": nil} {
		n, err := Recall(ctx, other, 8)
		want, wantErr := Parse(other, 8)
		require.Equal(t, wantErr, err, what)
		require.Equal(t, want, n, what)
	}
	n, err := Recall(With(t.Context(), nil), data.Raw, 8)
	require.NoError(t, err)
	require.NotSame(t, &data.Members[0], &n.Members[0])
	// Whatever Parse refuses for its depth, Recall refuses.
	for depth := range 6 {
		_, want := Parse([]byte(string(data.Raw)), depth)
		_, got := Recall(ctx, data.Raw, depth)
		require.Equal(t, want == nil, got == nil, depth)
	}
	deep := strings.Repeat("[", 7) + strings.Repeat("]", 7)
	n, err = Parse([]byte(deep), 7)
	require.NoError(t, err)
	require.False(t, n.deeper(7))
	require.True(t, n.deeper(6))
}
