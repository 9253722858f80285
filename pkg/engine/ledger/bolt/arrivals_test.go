package bolt

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// However many come, the file keeps as many as may be, the newest; what has
// expired goes first; and the file is whole when it is opened again.
func TestArrivalsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s, l, err := open(path, now, time.Minute)
	require.NoError(t, err)
	arrive := func(n int, at time.Time) {
		require.NoError(t, s.Update(t.Context(), func(r ledger.Records) (bool, error) {
			for i := range n {
				a := ledger.Arrival{Format: ledger.Format, Switch: "s", ID: fmt.Sprint(at.Unix(), i), At: at.Add(time.Duration(i)), Expire: at.Add(time.Hour)}
				if err := r.PutArrival(a); err != nil {
					return false, err
				}
			}
			return true, nil
		}))
	}
	kept := func() (list []ledger.Arrival) {
		require.NoError(t, s.View(t.Context(), func(r ledger.Records) (err error) {
			list, err = r.Arrivals()
			return err
		}))
		return list
	}
	arrive(ledger.MostArrivals+10, now)
	list := kept()
	require.Len(t, list, ledger.MostArrivals)
	require.Equal(t, now.Add(10), list[0].At)
	arrive(100, now.Add(time.Hour))
	require.Len(t, kept(), ledger.MostArrivals-7*100, "each makes room for eight that have expired")
	require.NoError(t, l.Close())

	s, l, err = open(path, now, time.Minute)
	require.NoError(t, err)
	list = kept()
	require.NoError(t, s.db.View(func(tx *bolt.Tx) error {
		require.EqualValues(t, len(list), tx.Bucket([]byte(arrived)).Sequence())
		return nil
	}))
	require.NoError(t, l.Close())
}
