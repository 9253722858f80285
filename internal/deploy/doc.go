// Package deploy holds what is proven of a deployment without making one:
// tests of template.yaml (which event reaches which function, what a function
// may do, what stops it), of its alarms and their runbook, and of whether the
// places that know a function know all of them. Nothing in it runs elsewhere.
package deploy
