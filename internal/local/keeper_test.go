package local

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// What finds nothing to do rests for a hundred times as long as that took, and twice as
// long under a halt, unless one begins or ends; what has worked goes on.
func TestResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		halt := false
		r := resting{halted: func(context.Context) bool { return halt }}
		over := func() bool { return r.over(t.Context()) }
		looks := func(took time.Duration, worked bool) {
			began := time.Now()
			time.Sleep(took)
			r.after(began, worked)
		}
		require.True(t, over())
		looks(10*time.Millisecond, false)
		require.False(t, over())
		time.Sleep(time.Second - 1)
		require.False(t, over())
		time.Sleep(time.Nanosecond)
		require.True(t, over())
		looks(time.Minute, true)
		require.True(t, over())
		looks(time.Minute, false)
		time.Sleep(mostRest - 1)
		require.False(t, over())
		halt = true
		require.True(t, over())
		require.False(t, over(), "it has begun already")
		time.Sleep(mostRest)
		require.True(t, over())
		looks(10*time.Millisecond, false)
		time.Sleep(2*time.Second - 1)
		require.False(t, over())
		time.Sleep(time.Nanosecond)
		require.True(t, over())
		looks(time.Minute, false)
		halt = false
		require.True(t, over())
	})
}
