// Package observe tells people and programs what the platform does: metrics for Prometheus, a console for developers, JSON
// logs for operators. It decides nothing, samples nothing by itself and starts no goroutines; what it is not told it does not know.
//
// cmd/skerry makes its parts and feeds them from the hooks of ingress and isolates.
package observe
