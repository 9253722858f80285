package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

func TestShowTellsHowOftenItFailed(t *testing.T) {
	for times, want := range map[int]string{0: "", 2: "  ended as failed       times so far: 2\n"} {
		var out bytes.Buffer
		e := account.Entry{Record: ledger.Record{Key: ledger.Key{Switch: "proxy-ssl"}, State: ledger.Waiting, GaveUp: times}}
		require.NoError(t, tell(t.Context(), &out, &e, nil))
		require.Contains(t, out.String(), want)
		require.Equal(t, times > 0, bytes.Contains(out.Bytes(), []byte("ended as failed")))
	}
}
