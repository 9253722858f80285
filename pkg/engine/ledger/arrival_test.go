package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is not an arrival is said, and what a newer version wrote is left alone.
func TestDecodeArrival(t *testing.T) {
	a := Arrival{Format: Format, Switch: "s", Source: "urn:tests", ID: "a", Code: "other-type", Detail: "why"}
	text, err := json.Marshal(a)
	require.NoError(t, err)
	got, err := DecodeArrival(text)
	require.NoError(t, err)
	require.Equal(t, a, got)
	for text, newer := range map[string]bool{
		`{"format":1,"switch":`:                        false,
		`{"format":1,"at":"noon"}`:                     false,
		fmt.Sprintf(`{"format":%d}`, Format+1):         true,
		fmt.Sprintf(`{"format":%d,"at":{}}`, Format+1): true,
	} {
		_, err := DecodeArrival([]byte(text))
		require.Error(t, err, text)
		require.Equal(t, newer, errors.Is(err, ErrNewer), text)
	}
}

// brokenStore lists some arrivals, and of the others why it cannot, and keeps none.
type brokenStore struct {
	Store
	list []Arrival
}

var errBroken = errors.New("broken")

func (b brokenStore) View(_ context.Context, f func(Records) error) error {
	return f(brokenRecords{list: b.list})
}

func (b brokenStore) Update(_ context.Context, f func(Records) (bool, error)) error {
	_, err := f(brokenRecords{})
	return err
}

type brokenRecords struct {
	Records
	list []Arrival
}

func (b brokenRecords) Arrivals() ([]Arrival, error) { return b.list, errBroken }

func (brokenRecords) PutArrival(Arrival) error { return errBroken }

// What cannot be read of the list is told after what can, and what cannot be
// written is an error.
func TestArrivalsOfABrokenStore(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	a := Arrival{Format: Format, Switch: "s", ID: "a", Expire: now.Add(time.Second)}
	l := On(brokenStore{list: []Arrival{a}})
	require.ErrorIs(t, l.Arrive(t.Context(), a), errBroken)
	var got []Arrival
	var errs []error
	for a, err := range l.Arrived(t.Context(), now) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		got = append(got, a)
	}
	require.Equal(t, []Arrival{a}, got)
	require.Equal(t, []error{errBroken}, errs)
}
