package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// A file that was filled is as if the ledger had taken each decision itself: what of
// one stands in it is the same, and it opens.
func TestFilledFile(t *testing.T) {
	m, err := learn()
	require.NoError(t, err)
	dir := t.TempDir()
	g, err := m.file(filepath.Join(dir, "filled.db"), 30)
	require.NoError(t, err)
	defer g.Close()
	own, err := bolt.Open(filepath.Join(dir, "own.db"), time.Now(), time.Minute)
	require.NoError(t, err)
	defer own.Close()
	for _, n := range []int{0, 7, 29} {
		require.NoError(t, m.put(t.Context(), own, n))
		want, err := own.Get(t.Context(), keyOf(n))
		require.NoError(t, err)
		got, err := g.Get(t.Context(), keyOf(n))
		require.NoError(t, err)
		want.Order = got.Order // all came at one time
		require.Equal(t, want, got)
		owners, err := g.Owners(t.Context(), project, []string{got.Outcome.JobID})
		require.NoError(t, err)
		require.Equal(t, map[string]ledger.Key{got.Outcome.JobID: got.Key}, owners)
		use, err := g.Use(t.Context(), got.Ticket, got.Slot)
		require.NoError(t, err)
		require.Equal(t, got.Key, use.Owner)
	}
	require.NoError(t, m.round(g, 30))
	require.NotZero(t, g.writes[0])
	_, _, err = listed(g, target(29))
	require.NoError(t, err)
}

// What is measured in the stand-in is within its limits, at any size.
func TestTables(t *testing.T) {
	m, err := learn()
	require.NoError(t, err)
	var text bytes.Buffer
	all, err := m.tables(&text, "2, 300")
	require.NoError(t, err)
	for _, b := range all {
		require.True(t, b.Held(), b.What)
		require.NotZero(t, b.Found, b.What)
	}
	require.Contains(t, text.String(), "| 300 | 4 | ")
	_, err = sizes("5,2")
	require.ErrorContains(t, err, `found "5,2", expected numbers that grow`)
}

// The program finds where its tables belong.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/capacity.md")
	require.NoError(t, err)
	require.Contains(t, string(page), opening)
}
