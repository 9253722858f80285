package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// write is one item of a transaction, or a put by itself.
type write struct {
	TableName                           string
	Item                                item              `json:",omitempty"`
	Key                                 item              `json:",omitempty"`
	UpdateExpression                    string            `json:",omitempty"`
	ConditionExpression                 string            `json:",omitempty"`
	ExpressionAttributeNames            map[string]string `json:",omitempty"`
	ExpressionAttributeValues           item              `json:",omitempty"`
	ReturnValuesOnConditionCheckFailure string            `json:",omitempty"`
}

const allOld = "ALL_OLD"

// write writes a change, on condition that what the rule was run on is so. The
// refusal, if any, says item by item what is not.
func (l *Ledger) write(ctx context.Context, ch *ledger.Change, revision int64) (*refusal, error) {
	decision, err := l.putDecision(ch, revision)
	if err != nil {
		return nil, err
	}
	items := []map[string]write{{"Put": decision}}
	if ch.OnInstance() {
		instance, err := l.updateInstance(ch)
		if err != nil {
			return nil, err
		}
		items = append(items, map[string]write{"Update": instance})
	}
	puts := make([]func() (write, error), 0, 3)
	if ch.Job != "" {
		puts = append(puts, func() (write, error) { return l.putJob(ch) })
	}
	if ch.Audit != nil {
		puts = append(puts, func() (write, error) { return l.putAudit(ch.Audit) })
	}
	for i := range ch.Uses {
		puts = append(puts, func() (write, error) { return l.putUse(&ch.Uses[i]) })
	}
	if ch.Listed {
		puts = append(puts, func() (write, error) { return l.putOwner(ch, ledger.Listed) })
	}
	for _, put := range puts {
		w, err := put()
		if err != nil {
			return nil, err
		}
		items = append(items, map[string]write{"Put": w})
	}
	if len(items) == 1 {
		err = l.Client.Do(ctx, "PutItem", decision, nil)
	} else {
		err = l.Client.Do(ctx, "TransactWriteItems", map[string]any{"TransactItems": items}, nil)
	}
	return refused(err), err
}

// putDecision puts the decision in the place of the one that the rule saw.
func (l *Ledger) putDecision(ch *ledger.Change, revision int64) (write, error) {
	i, err := decisionItem(&ch.After, revision+1)
	w := write{TableName: l.Table, Item: i, ConditionExpression: "attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure: allOld}
	if ch.Before != nil {
		w.ConditionExpression = "v = :v"
		w.ExpressionAttributeValues = item{":v": number(revision)}
	}
	return w, err
}

// updateInstance takes, moves or frees the hold, raises the mark, and moves the
// end of the audit trail.
func (l *Ledger) updateInstance(ch *ledger.Change) (write, error) {
	d := &ch.After
	w := write{
		TableName: l.Table, Key: item{"pk": text(instanceKey(d.Project, d.Instance))},
		ExpressionAttributeValues:           item{":f": number(ledger.Format)},
		ReturnValuesOnConditionCheckFailure: allOld,
	}
	conditions := []string{"(attribute_not_exists(f) OR f <= :f)"}
	sets, removes := []string{"f = :f"}, ""
	if ch.Touches() {
		if ch.Before != nil && ch.Before.State == ledger.Working {
			conditions = append(conditions, "n = :before")
			w.ExpressionAttributeValues[":before"] = text(ch.Before.Nonce)
		} else {
			conditions = append(conditions, "attribute_not_exists(n)")
		}
		if hold := ch.Instance(ledger.Instance{}).Hold; hold != nil {
			h, err := ledger.Encode(hold)
			if err != nil {
				return w, err
			}
			sets = append(sets, "h = :h", "n = :n")
			w.ExpressionAttributeValues[":h"], w.ExpressionAttributeValues[":n"] = text(string(h)), text(hold.Nonce)
		} else {
			removes = " REMOVE h, n"
		}
	}
	names := make(map[string]string)
	if ch.InOrder || ch.Raise {
		names["#m"] = markOf + d.Slot
		w.ExpressionAttributeValues[":o"] = text(ledger.Stamp(d.Order))
	}
	if ch.InOrder {
		conditions = append(conditions, "(attribute_not_exists(#m) OR #m <= :o)")
	}
	if ch.Raise {
		sets = append(sets, "#m = :o")
	}
	if ch.Tag != "" {
		names["#t"] = tagOf + d.Slot
		sets = append(sets, "#t = :t")
		w.ExpressionAttributeValues[":t"] = text(ch.Tag)
	}
	if ch.Job != "" {
		sets = append(sets, lastJob+" = :j")
		w.ExpressionAttributeValues[":j"] = text(ledger.Stamp(d.Outcome.At))
	}
	if a := ch.Audit; a != nil {
		if a.Seq == 1 {
			conditions = append(conditions, "attribute_not_exists("+headHash+")")
		} else {
			conditions = append(conditions, headHash+" = :prev")
			w.ExpressionAttributeValues[":prev"] = text(a.Prev)
		}
		sets = append(sets, headSeq+" = :seq", headHash+" = :hash")
		w.ExpressionAttributeValues[":seq"], w.ExpressionAttributeValues[":hash"] = number(a.Seq), text(a.Hash)
	}
	if len(names) > 0 {
		w.ExpressionAttributeNames = names
	}
	w.ConditionExpression = strings.Join(conditions, " AND ")
	w.UpdateExpression = "SET " + strings.Join(sets, ", ") + removes
	return w, nil
}

// putJob makes the job the decision's own, if it is nobody else's.
func (l *Ledger) putJob(ch *ledger.Change) (write, error) {
	w, err := l.putOwner(ch, ch.Job)
	if !ch.JobExpire.IsZero() {
		w.Item["ttl"] = number(ch.JobExpire.Unix() + 1)
	}
	w.ConditionExpression = "attribute_not_exists(pk) OR k = :k"
	w.ExpressionAttributeValues = item{":k": w.Item["k"]}
	w.ReturnValuesOnConditionCheckFailure = allOld
	return w, err
}

// putOwner puts a job's owner, whoever was it.
func (l *Ledger) putOwner(ch *ledger.Change, job string) (write, error) {
	k, err := ledger.Encode(ch.After.Key)
	return write{TableName: l.Table, Item: item{"pk": text(jobKey(ch.After.Project, job)), "f": number(ledger.Format), "k": text(string(k))}}, err
}

// putAudit adds a record to the trail, and never puts it in another's place.
func (l *Ledger) putAudit(a *ledger.AuditRecord) (write, error) {
	i, err := auditItem(a)
	return write{TableName: l.Table, Item: i, ConditionExpression: "attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure: allOld}, err
}

// putUse puts the use of a ticket in the place of the one that the rule saw. One
// that is the decision's stays so while the decision does.
func (l *Ledger) putUse(u *ledger.UseChange) (write, error) {
	rec, err := ledger.Encode(u.Use)
	w := write{
		TableName: l.Table, Item: item{"pk": text(useKey(u.Ticket, u.Slot)), "f": number(ledger.Format), "rec": text(string(rec))},
		ReturnValuesOnConditionCheckFailure: allOld,
	}
	switch {
	case err != nil || u.Ours:
	case u.Was == nil:
		w.ConditionExpression = "attribute_not_exists(pk)"
	default:
		was, err := ledger.Encode(u.Was)
		if err != nil {
			return w, err
		}
		w.ConditionExpression, w.ExpressionAttributeValues = "rec = :was", item{":was": text(string(was))}
	}
	return w, err
}

// Arrive is as in [ledger.Arrivals]: one put without a condition. A conflict, for
// all that no transaction of ours is ever at an arrival, is tried again.
func (l *Ledger) Arrive(ctx context.Context, a ledger.Arrival) error {
	a.Format = ledger.Format
	rec, err := ledger.Encode(a)
	if err != nil {
		return err
	}
	put := write{TableName: l.Table, Item: item{
		"pk": text(arrivalKey(&a)), "f": number(ledger.Format), "rec": text(string(rec)), "ttl": number(a.Expire.Unix() + 1),
	}}
	for try := range tries {
		if err = l.Client.Do(ctx, "PutItem", put, nil); refused(err) == nil {
			return err
		}
		if err := l.pause(ctx, try); err != nil {
			return err
		}
	}
	return err
}

// refusal says why a write was refused: for the decision, the instance, the job,
// the audit record, the uses of the ticket and what was listed, as far as they
// were to be written, in this order.
type refusal struct{ reasons []reason }

type reason struct {
	Code string
	Item item
}

// Codes of a reason.
const (
	heldCondition   = "None"
	failedCondition = "ConditionalCheckFailed"
	conflicting     = "TransactionConflict"
)

// conflict: another transaction was in the way, or too many of them.
func (r *refusal) conflict() bool {
	for _, x := range r.reasons {
		if x.Code != heldCondition && x.Code != failedCondition {
			return true
		}
	}
	return false
}

// failed: something was not as it was believed to be.
func (r *refusal) failed() bool {
	return slices.ContainsFunc(r.reasons, func(x reason) bool { return x.Code == failedCondition })
}

// refused reads a refusal; nil for errors of other kinds.
func refused(err error) *refusal {
	var e *awsjson.Error
	if !errors.As(err, &e) {
		return nil
	}
	var told struct {
		Item                item
		CancellationReasons []reason
	}
	if json.Unmarshal(e.Body, &told) != nil {
		return nil
	}
	switch e.Code {
	case "ConditionalCheckFailedException":
		return &refusal{[]reason{{failedCondition, told.Item}}}
	case "TransactionConflictException":
		return &refusal{[]reason{{Code: conflicting}}}
	case "TransactionCanceledException":
		for i, r := range told.CancellationReasons {
			switch r.Code {
			case "":
				told.CancellationReasons[i].Code = heldCondition
			case heldCondition, failedCondition, conflicting, "ProvisionedThroughputExceeded", "ThrottlingError":
			default:
				return nil
			}
		}
		if len(told.CancellationReasons) > 0 {
			return &refusal{told.CancellationReasons}
		}
	}
	return nil
}
