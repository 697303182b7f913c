// Package hostile holds the adversarial tests of Skerry: one worker per crime, each with the outcome it must have, on the built
// binary beside twenty innocent workers under steady load. A crime passes when the criminal gets the outcome, answers again
// afterwards, and no innocent request fails; where a crime may end the host process, only those in flight at that instant may.
//
// `make test` runs those that take moments (-short), `make hostile` all of them; both print the table of what was seen.
// The package has no code of its own outside its tests; it uses test/e2e/rig as test/e2e does. Nothing imports it.
package hostile
