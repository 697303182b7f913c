package project

import "skerry/internal/worker"

// addUnserved gives env an entry for each binding of a product that is not served yet, so that using it can say so.
func (l *loader) addUnserved() {
	for _, m := range l.inForce() {
		info := knownKeys[m.key]
		if info.service != notServed || info.scope != perEnvironment && m.key != "assets" || m.key == "containers" {
			continue // Nothing of env.
		}
		for _, name := range bindingNames(m.value) {
			l.p.Bindings = append(l.p.Bindings, worker.Binding{Name: name, Kind: worker.UnservedBinding, Text: m.key})
		}
	}
}

// inForce lists the members of the configuration that apply to the environment, in the order of the file.
func (l *loader) inForce() []member {
	var all []member
	for _, m := range l.top.members {
		if l.env == nil || knownKeys[m.key].scope == inherited && l.env.get(m.key) == nil {
			all = append(all, m)
		}
	}
	if l.env != nil {
		for _, m := range l.env.members {
			if knownKeys[m.key].scope != topLevel {
				all = append(all, m)
			}
		}
	}
	return all
}

// bindingNames finds the names in the value of a key for bindings: { "binding": name } or { "name": name }, in lists, and in
// the lists "producers" of queues and "bindings" of Durable Objects.
func bindingNames(n *node) []string {
	var names []string
	switch n.kind {
	case listKind:
		for _, item := range n.items {
			names = append(names, bindingNames(item)...)
		}
	case objectKind:
		for _, key := range []string{"binding", "name"} {
			if name := n.get(key); name != nil && name.kind == stringKind && name.text != "" {
				return []string{name.text}
			}
		}
		for _, key := range []string{"producers", "bindings"} {
			if inner := n.get(key); inner != nil && inner.kind == listKind {
				names = append(names, bindingNames(inner)...)
			}
		}
	}
	return names
}
