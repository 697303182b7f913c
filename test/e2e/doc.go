// Package e2e holds the black-box tests of Skerry: the built binary, started as a user starts it, spoken to over HTTP and
// by signals, nothing else. `make test` runs them scaled down (-short), `make acceptance` at full size.
//
// The package has no code of its own: what the tests share is in test/e2e/rig. Nothing imports it.
package e2e
