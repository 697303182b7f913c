// Package frameworks holds the tests that run libraries and frameworks unmodified from npm on the built binary, in
// `skerry serve` and in `skerry dev`, and speak HTTP to them. Each directory beside this file is a project; those under
// built/ are built by their framework's own tools first (`make test` does it). docs/frameworks.md has the list.
//
// The package has no code of its own and nothing imports it; the rig is that of test/e2e.
package frameworks
