package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// exported is a ledger's audit trails as lines: two of three records each.
func exported(t *testing.T, since time.Time) [][]byte { return approved(t, "<é>", since) }

func approved(t *testing.T, by string, since time.Time) [][]byte {
	t.Helper()
	l, now := ledger.NewMemory(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i := range 6 {
		c := ledger.Claim{Key: ledger.Key{Switch: "s", Source: "urn:<é>", ID: fmt.Sprint(i)}, Project: "p", Instance: fmt.Sprint("i", i%2), Nonce: "n"}
		o := ledger.Outcome{At: now.Add(time.Duration(i) * time.Second), Audit: json.RawMessage(fmt.Sprintf(`{"n":%d.0,"by":%q}`, i, by))}
		require.NoError(t, l.Reject(t.Context(), c, o))
	}
	var lines [][]byte
	for line, err := range ledger.Export(t.Context(), l, since) {
		require.NoError(t, err)
		text, err := ledger.Encode(line)
		require.NoError(t, err)
		lines = append(lines, append(text, '\n'))
	}
	return lines
}

func verify(lines [][]byte) error {
	return ledger.VerifyAudit(ledger.ReadExport(bytes.NewReader(bytes.Join(lines, nil))))
}

// Any byte of any line, and any line.
func TestExportIsVerifiedToTheByte(t *testing.T) {
	right := exported(t, time.Time{})
	require.Len(t, right, 9)
	require.NoError(t, verify(right))
	rapid.Check(t, func(rt *rapid.T) {
		lines := append([][]byte{}, right...)
		n := rapid.IntRange(0, len(lines)-1).Draw(rt, "line")
		switch rapid.IntRange(0, 6).Draw(rt, "how") {
		case 0: // a byte changed
			at := rapid.IntRange(0, len(lines[n])-2).Draw(rt, "at")
			lines[n] = bytes.Clone(lines[n])
			lines[n][at] = rapid.Byte().Filter(func(b byte) bool { return b != lines[n][at] }).Draw(rt, "byte")
		case 1: // a byte removed
			at := rapid.IntRange(0, len(lines[n])-2).Draw(rt, "at")
			lines[n] = append(bytes.Clone(lines[n][:at]), lines[n][at+1:]...)
		case 2: // a byte inserted
			at := rapid.IntRange(0, len(lines[n])-1).Draw(rt, "at")
			lines[n] = append(append(bytes.Clone(lines[n][:at]), rapid.Byte().Draw(rt, "byte")), lines[n][at:]...)
		case 3:
			lines = append(lines[:n:n], lines[n+1:]...)
		case 4:
			other := rapid.IntRange(0, len(lines)-1).Draw(rt, "other")
			lines = append(append(lines[:n:n], right[other]), right[n:]...)
		case 5:
			other := rapid.IntRange(0, len(lines)-1).Filter(func(i int) bool { return i != n }).Draw(rt, "other")
			lines[n], lines[other] = lines[other], lines[n]
		case 6: // cut short
			lines = lines[:n]
		}
		require.ErrorAs(rt, verify(lines), new(*ledger.AuditError))
	})
}

// What is wrong is named, also where all hashes were taken anew.
func TestWhatIsWrongIsNamed(t *testing.T) {
	all, forged := exported(t, time.Time{}), approved(t, "me", time.Time{})
	if !bytes.Equal(all[0][:40], forged[0][:40]) { // the instances come in no order
		forged = append(append(forged[4:8:8], forged[:4]...), forged[8])
	}
	of := func(lines ...[]byte) [][]byte { return lines }
	for want, lines := range map[string][][]byte{
		"record 2 is missing: there is one with the number 3 in its place": append(all[:2:2], all[3:]...),
		"record 1 is missing: there is one of projects/p/instances/i":      append(of(all[0], all[5]), all[2:]...),
		"record 2 does not follow the one before":                          append(of(all[0], all[1], forged[2]), all[3:]...),
		"record 3 does not follow the one before":                          append(of(all[0], forged[1], forged[2]), all[3:]...),
		"record 3 is not the last that the instance names":                 append(append(all[:1:1], forged[1:4]...), all[4:]...),
		"record 3 is missing: the last is record 3":                        append(all[:3:3], all[4:]...),
		"there is 1 trail, and the end names 2":                            all[4:],
		"there are 2 trails, and the end names 4":                          append(all[:8:8], []byte(`{"end":{"trails":4}}`)),
	} {
		require.ErrorContains(t, verify(lines), want)
	}
	require.NoError(t, verify(forged), "nothing in a trail tells of one that was written anew: another export does")
}

func TestPartsOfAnExport(t *testing.T) {
	all, late := exported(t, time.Time{}), exported(t, time.Date(2026, 11, 22, 9, 0, 4, 0, time.UTC))
	require.Len(t, late, 5)
	require.NoError(t, verify(late))
	require.NoError(t, verify(append(all[:len(all):len(all)], late...)))
	require.ErrorContains(t, verify(late[1:]), "is on no trail")
	require.ErrorContains(t, verify(append(late[:1:1], late[2:]...)), "record 3 is missing")
	require.ErrorContains(t, verify(all[:len(all)-1]), "the end is missing")
	require.ErrorContains(t, verify(nil), "the end is missing")
	for text, want := range map[string]string{
		"{}\n":                 "line is nothing",
		`{"end":{"trails":0}}`: "",
		"\n":                   "line 1: ",
		"null\n":               "line 1: it is not as it was written",
		`{"trail":{"project":"p","instance":"i","head":{"seq":0,"hash":""}},"end":{"trails":0}}`: "a line is two",
		`{"end":{"trails":0},"more":1}`: "line 1: it is not as it was written",
	} {
		if err := verify([][]byte{[]byte(text)}); want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}

func TestExportThatCannotBeRead(t *testing.T) {
	broken := errors.New("broken")
	err := ledger.VerifyAudit(ledger.ReadExport(io.MultiReader(bytes.NewReader(exported(t, time.Time{})[0]), iotest.ErrReader(broken))))
	require.ErrorIs(t, err, broken)
	require.False(t, errors.As(err, new(*ledger.AuditError)))
}
