// Package egress makes the outbound HTTP requests of workers, WebSocket handshakes among them: the network half of fetch()
// and of new WebSocket().
//
// It follows redirects (Fetch standard, "HTTP-redirect fetch"), decodes content encodings, pools connections, bounds
// everything that an upstream server can grow, and checks every address that is really connected to against the Policy, after name
// resolution and on every hop, so that no spelling of an address and no DNS answer gets around it. It does not know
// bindings, isolates or routes: a request that comes back to this machine is a request to an address.
//
// bindings calls Client.Do. The goroutines are those of net/http's Transport; Close ends idle connections.
package egress
