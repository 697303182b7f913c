// Package upgrade holds the tests of upgrades under load: releases beside each other, a link that is switched between them, `skerry upgrade`
// or SIGUSR2, and clients of all kinds of which none may notice. Black box: the built binary over HTTP and signals.
//
// Called by `go test` alone; `make upgrade-test` runs it at full size, with two releases of Node.
package upgrade
