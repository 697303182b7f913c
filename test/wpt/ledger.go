package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A ledger lists what may fail and why, by the name of the test. What it does not list must pass, and what it lists must fail:
// a failure that has gone is to be taken out, so that it cannot come back unseen.
type ledger map[string]*entry

// An entry is what the ledger says of one test.
type entry struct {
	// Status is the file's status, "" for OK.
	Status Status `json:"status,omitempty"`
	// Why is the reason of Status.
	Why   string     `json:"why,omitempty"`
	Fails []expected `json:"fails,omitempty"`
}

// expected are subtests that fail for one reason.
type expected struct {
	Reason string `json:"reason"`
	// Either says that they may pass, too: what depends on the machine's speed.
	Either bool `json:"either,omitempty"`
	// Tests are names of subtests. A star at the end stands for any rest.
	Tests []string `json:"tests"`
}

func matches(pattern, name string) bool {
	if prefix, star := strings.CutSuffix(pattern, "*"); star && strings.HasPrefix(name, prefix) {
		return true
	}
	return pattern == name
}

// of returns what is expected of a subtest, nil if it must pass.
func (e *entry) of(name string) *expected {
	if e == nil {
		return nil
	}
	for i := range e.Fails {
		if slices.ContainsFunc(e.Fails[i].Tests, func(pattern string) bool { return matches(pattern, name) }) {
			return &e.Fails[i]
		}
	}
	return nil
}

// failing returns the names of the subtests that do not pass, each once, and whether a name that occurs more than once has
// a failure.
func failing(o *outcome) map[string]bool {
	failed := make(map[string]bool)
	for _, s := range o.Tests {
		failed[s.Name] = failed[s.Name] || s.Verdict != Pass
	}
	return failed
}

func statusOf(e *entry) Status {
	if e == nil || e.Status == "" {
		return OK
	}
	return e.Status
}

// check prints where the outcomes differ from the ledger and returns whether they agree.
func (l ledger) check(out io.Writer, tests []*test, outcomes []outcome) bool {
	failures, surprises, unexplained := 0, 0, 0
	for i, t := range tests {
		o, e := &outcomes[i], l[t.name()]
		if e != nil && e.Status != "" && e.Why == "" {
			unexplained++
		}
		switch want := statusOf(e); {
		case o.Status == want, want == Either:
		case o.Status == OK:
			surprises++
			fmt.Fprintf(out, "SURPRISE  %s: the file is OK, the ledger expects %s\n", t.name(), want)
		default:
			failures++
			fmt.Fprintf(out, "FAILURE   %s: the file is %s, the ledger expects %s: %s\n", t.name(), o.Status, want, firstLine(o.Message))
		}
		messages := make(map[string]string)
		for _, s := range o.Tests {
			if s.Verdict != Pass {
				messages[s.Name] = string(s.Verdict) + " " + s.Message
			}
		}
		failed := failing(o)
		for _, name := range slices.Sorted(maps.Keys(failed)) {
			x := e.of(name)
			switch {
			case failed[name] && x == nil:
				failures++
				fmt.Fprintf(out, "FAILURE   %s: %q: %s\n", t.name(), name, firstLine(messages[name]))
			case failed[name] && x.Reason == "":
				unexplained++
			case !failed[name] && x != nil && !x.Either:
				surprises++
				fmt.Fprintf(out, "SURPRISE  %s: %q passes, the ledger expects a failure: %s\n", t.name(), name, x.Reason)
			}
		}
	}
	fmt.Fprintf(out, "ledger: %d unexpected failures, %d surprise passes, %d expected failures without a reason\n", failures, surprises, unexplained)
	return failures+surprises+unexplained == 0
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// update makes the ledger say what the outcomes are. Reasons are kept, those of patterns too as long as all that they match
// still fails; what is new has no reason yet.
func (l ledger) update(tests []*test, outcomes []outcome) {
	for i, t := range tests {
		old := l[t.name()]
		if e := old.updated(&outcomes[i]); e != nil {
			l[t.name()] = e
		} else {
			delete(l, t.name())
		}
	}
}

// wholesale is the number of failures from which a file that fails as a whole is written as one star.
const wholesale = 5

func (e *entry) updated(o *outcome) *entry {
	fresh := &entry{}
	switch {
	case statusOf(e) == Either:
		fresh.Status, fresh.Why = Either, e.Why
	case o.Status != OK:
		fresh.Status = o.Status
		if e != nil {
			fresh.Why = e.Why
		}
	}
	failed := failing(o)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if failed[name] {
			names = append(names, name)
		}
	}
	taken := make(map[string]bool)
	if e != nil {
		for _, x := range e.Fails {
			kept := expected{Reason: x.Reason, Either: x.Either}
			for _, pattern := range x.Tests {
				whole, any := true, false
				var here []string
				for name := range failed {
					if !matches(pattern, name) || taken[name] {
						continue
					}
					if any = true; failed[name] || x.Either {
						here = append(here, name)
					} else {
						whole = false
					}
				}
				slices.Sort(here)
				for _, name := range here {
					taken[name] = true
				}
				switch {
				case !any || len(here) == 0:
				case whole:
					kept.Tests = append(kept.Tests, pattern)
				default:
					kept.Tests = append(kept.Tests, here...)
				}
			}
			if len(kept.Tests) > 0 {
				fresh.Fails = append(fresh.Fails, kept)
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return taken[name] })
	if len(names) >= wholesale && len(names) == len(failed) {
		names = []string{"*"}
	}
	if len(names) > 0 {
		at := slices.IndexFunc(fresh.Fails, func(x expected) bool { return x.Reason == "" && !x.Either })
		if at < 0 {
			at = len(fresh.Fails)
			fresh.Fails = append(fresh.Fails, expected{})
		}
		fresh.Fails[at].Tests = append(fresh.Fails[at].Tests, names...)
		slices.Sort(fresh.Fails[at].Tests)
	}
	if fresh.Status == "" && len(fresh.Fails) == 0 {
		return nil
	}
	return fresh
}

// ledgerFile is where the entries of a row's tests are.
func ledgerFile(dir string, row int) string {
	return filepath.Join(dir, strings.ReplaceAll(directories[row].path, "/", "_")+".json")
}

func readLedger(dir string) (ledger, error) {
	l := make(ledger)
	for row := range directories {
		text, err := os.ReadFile(ledgerFile(dir, row))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var entries ledger
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&entries); err != nil {
			return nil, fmt.Errorf("%s: %w", ledgerFile(dir, row), err)
		}
		for name, e := range entries {
			if rowOf(name) != row {
				return nil, fmt.Errorf("%s: %s does not belong there", ledgerFile(dir, row), name)
			}
			l[name] = e
		}
	}
	return l, nil
}

// write writes one file for each directory that has entries, and removes those that have none.
func (l ledger) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	rows := make([]ledger, len(directories))
	for name, e := range l {
		row := rowOf(name)
		if rows[row] == nil {
			rows[row] = make(ledger)
		}
		rows[row][name] = e
	}
	for row, entries := range rows {
		if entries == nil {
			if err := os.Remove(ledgerFile(dir, row)); err != nil && !os.IsNotExist(err) {
				return err
			}
			continue
		}
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(entries); err != nil {
			return err
		}
		if err := os.WriteFile(ledgerFile(dir, row), out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
