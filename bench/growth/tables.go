package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/interlock-functions/interlock/bench/budget"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// tables measures tables in the stand-in for DynamoDB.
func (m *mold) tables(w io.Writer, text string) (all []budget.Budget, err error) {
	want, err := sizes(text)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(w, "\nA table of DynamoDB, as its stand-in counts:\n\n| decisions | one more: requests | write units | its target's decisions: requests | read units |\n|---|---|---|---|---|\n")
	var first, decided, listed dynamotest.Units
	for i, n := range want {
		if decided, listed, err = m.table(n); err != nil {
			return nil, err
		}
		if i == 0 {
			first = decided
		}
		fmt.Fprintf(w, "| %d | %d | %.0f | %d | %.0f |\n", n, decided.Requests, decided.Writes, listed.Requests, listed.Reads)
	}
	last := want[len(want)-1]
	m.costs(w, decided.Writes)
	return []budget.Budget{
		{What: fmt.Sprintf("DynamoDB, %d decisions: write units of one more", last), Found: decided.Writes, Limit: 32, Goal: 10, Unit: "units"},
		{What: fmt.Sprintf("DynamoDB, %d decisions: write units of one more", last), Found: decided.Writes / first.Writes, Limit: 1, Unit: fmt.Sprintf("× those at %d", want[0])},
		{What: fmt.Sprintf("DynamoDB, %d decisions: requests for one more", last), Found: float64(decided.Requests), Limit: 4, Unit: "requests"},
		{What: fmt.Sprintf("DynamoDB, %d decisions: read units for those of a target", last), Found: listed.Reads, Limit: 100, Unit: "units"},
	}, nil
}

// table measures one decision more than n, and the list of a target's.
func (m *mold) table(n int) (decided, listed dynamotest.Units, err error) {
	db := &dynamotest.DB{PageItems: 500} // of some 2 KB, that is 1 MB
	l := &dynamodb.Ledger{Client: db.Client(nil), Table: "ledger"}
	if err := l.Client.Do(context.Background(), "CreateTable", dynamotest.Table(l.Table), nil); err != nil {
		return decided, listed, err
	}
	began := time.Now()
	if err := m.multiplyItems(l, n); err != nil {
		return decided, listed, err
	}
	fmt.Fprintf(os.Stderr, "a table with %d decisions, in %s\n", n, time.Since(began).Round(time.Second))
	if err := m.put(context.Background(), l, n); err != nil { // the process gets to know the instance
		return decided, listed, err
	}
	before := db.Spent()
	if err := m.put(context.Background(), l, n+1); err != nil {
		return decided, listed, err
	}
	after := db.Spent()
	f := account.Filter{Target: target(n / 2)}
	found, err := f.In(context.Background(), lister{l})
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("decisions of %s: found %d, expected 1", f.Target, len(found))
	}
	return less(after, before), less(db.Spent(), after), err
}

// multiplyItems copies the items of one decision.
func (m *mold) multiplyItems(l *dynamodb.Ledger, n int) error {
	ctx := context.Background()
	if err := m.put(ctx, l, 0); err != nil {
		return err
	}
	var out struct{ Items []json.RawMessage }
	if err := l.Client.Do(ctx, "Scan", map[string]string{"TableName": l.Table}, &out); err != nil {
		return err
	}
	var forms []*form
	for _, item := range out.Items {
		forms = append(forms, m.form(item))
	}
	return together(n-1, 4, func(i int) error {
		names := m.names(i + 1)
		for _, f := range forms {
			if err := l.Client.Do(ctx, "PutItem", map[string]any{"TableName": l.Table, "Item": json.RawMessage(f.with(names))}, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func less(a, b dynamotest.Units) dynamotest.Units {
	return dynamotest.Units{Writes: a.Writes - b.Writes, Reads: a.Reads - b.Reads, Requests: a.Requests - b.Requests}
}

// lister lists a ledger's decisions as the operator's desk does.
type lister struct{ ledger.Ledger }

func (l lister) Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return l.All(ctx, texts...)
}

func (l lister) About(ctx context.Context, project, instance string) iter.Seq2[ledger.Record, error] {
	return ledger.About(ctx, l.Ledger, project, instance)
}
