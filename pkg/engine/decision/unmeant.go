package decision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Codes of why an event is not meant for a switch.
const (
	OtherType   events.Code = "other-type"
	OtherRegion events.Code = "other-region"
	OtherSwitch events.Code = "other-switch"
	OtherTag    events.Code = "other-tag"
)

// Unmeant says why an event is not meant for the named switch, where
// [Decoder.DecodeIn] says that it is not, and for which it is.
func (d *Decoder) Unmeant(ctx context.Context, name string, ev event.Event) (code events.Code, detail string) {
	types := []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested}
	if !slices.Contains(types, ev.Type()) {
		return OtherType, fmt.Sprintf("found the type %s, expected %s", quoted(ev.Type()), strings.Join(types, ", "))
	}
	root, _ := jsontree.Recall(ctx, ev.Data(), depth) // what cannot be read is taken for meant
	region := root.Get("target").Get("region")
	if d.region != "" && region.Is(jsontree.String) && isRegion(region.Text) && region.Text != d.region {
		return OtherRegion, fmt.Sprintf("found the region %s, expected %s", quoted(region.Text), d.region)
	}
	if ev.Type() != events.TypeTagChanged {
		asked := ""
		if n := root.Get("switch"); n.Is(jsontree.String) {
			asked = n.Text
		}
		return OtherSwitch, fmt.Sprintf("it asks for the switch %s, and this is %s", asked, name)
	}
	return OtherTag, fmt.Sprintf("it does not set the tag %s%s%s", events.TagPrefix, name, d.othersTags(&root))
}

// othersTags tells for which switches a tag event is.
func (d *Decoder) othersTags(root *jsontree.Node) string {
	var others []string
	if changes := root.Get("changes"); changes.Is(jsontree.Array) {
		for i := range changes.Items {
			change := &changes.Items[i]
			value := change.Get("new")
			key := change.Get("key")
			if !key.Is(jsontree.String) || value == nil || value.Kind == jsontree.Null {
				continue
			}
			other, ours := strings.CutPrefix(key.Text, events.TagPrefix)
			if ours && d.spec(other) != nil && !slices.Contains(others, other) {
				others = append(others, other)
			}
		}
	}
	if len(others) == 0 {
		return ""
	}
	return ", but asks for " + strings.Join(others, ", ")
}
