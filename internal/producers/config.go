package producers

import (
	"net/url"
	"strings"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Tags of a resource that name what its own id does not.
const (
	proxyTag    = events.TagPrefix + "proxy_id"
	databaseTag = events.TagPrefix + "database_id"
)

// isConfig tells a notification of Config, bare or in an envelope of SMN
// (Config User Guide, "Resource Change Notification Model"; SMN User Guide,
// "HTTP or HTTPS Message Format").
func isConfig(n *jsontree.Node) bool {
	return isNotification(n) || n.Get("topic_urn").Is(jsontree.String) && n.Get("message").Is(jsontree.String)
}

func isNotification(n *jsontree.Node) bool {
	return n.Get("notification_type").Is(jsontree.String) && n.Get("domain_id") != nil && n.Get("detail").Is(jsontree.Object)
}

func (r *reading) config(n *jsontree.Node) message {
	if isNotification(n) {
		return r.notification(n)
	}
	if t := text(n.Get("type")); t != "Notification" {
		// Its address is not called: whoever posts here could have us call
		// anything.
		r.wrong("type", shown(t), "Notification; a subscription is confirmed by whoever made it")
		return message{}
	}
	inner, err := jsontree.Parse([]byte(n.Get("message").Text), cloudevent.Depth)
	switch {
	case err != nil:
		r.wrong("message", err.Error(), "a notification of Config in JSON")
	case !isNotification(&inner):
		r.wrong("message", inner.Kind.String(), "a notification of Config")
	default:
		return r.notification(&inner)
	}
	return message{}
}

// notification reads how a resource's tags are. A removed tag is not among
// them, and asks for nothing.
func (r *reading) notification(n *jsontree.Node) message {
	detail := n.Get("detail")
	resource := detail.Get("resource")
	id := text(detail.Get("resource_id"))
	captured := text(detail.Get("capture_time"))
	m := message{
		source:  "urn:huaweicloud:config:" + url.PathEscape(r.needed("domain_id", text(n.Get("domain_id")), "the account's id")),
		subject: id,
		id:      r.needed("detail.resource_id", id, "the resource's id") + "@" + r.needed("detail.capture_time", captured, "when it was so"),
	}
	target := events.Target{
		Region: text(resource.Get("region_id")), ProjectID: text(resource.Get("project_id")), InstanceID: id,
	}
	var changes []events.TagChange
	if text(n.Get("notification_type")) == "ResourceChanged" && text(detail.Get("event_type")) != "DELETE" {
		changes = r.tags(resource.Get("tags"), &target)
	}
	if changes == nil {
		r.fields = nil // nobody's message is not judged
		return m
	}
	m.time = latest(r.at("detail.capture_time", captured, "2006-01-02T15:04:05.999Z", "2026-11-22T09:00:00Z"))
	m.typ, m.data, m.snapshot = events.TypeTagChanged, events.TagChanged{Target: &target, Changes: changes}, true
	return m
}

// tags are those of ours, but for the ones that name part of the target.
func (r *reading) tags(n *jsontree.Node, target *events.Target) []events.TagChange {
	if n == nil {
		return nil
	}
	var changes []events.TagChange
	for i := range n.Members {
		name, value := n.Members[i].Name, &n.Members[i].Value
		if !strings.HasPrefix(name, events.TagPrefix) {
			continue
		}
		if value.Kind != jsontree.String {
			r.wrong("detail.resource.tags."+name, value.Kind.String(), "string")
		}
		switch name {
		case proxyTag:
			target.ProxyID = value.Text
		case databaseTag:
			target.DatabaseID = value.Text
		default:
			changes = append(changes, events.TagChange{Key: name, New: &value.Text})
		}
	}
	return changes
}
