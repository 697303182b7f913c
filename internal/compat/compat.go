// Package compat knows the compatibility dates and flags of the Workers platform: which behaviour a worker that names a
// date and flags has asked for. The facts are in flags.json: names, dates and implications as the platform publishes them.
//
// It does not say what Skerry implements, and it changes no behaviour: the runtime asks the resulting Set. Everything is
// a pure function of its arguments; "now" is always passed in. It imports the standard library and package nearest, and
// starts no goroutine.
package compat

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"skerry/internal/nearest"
)

// Flag is one change of behaviour.
type Flag struct {
	// Enable is the name that asks for the new behaviour. It also identifies the flag.
	Enable string `json:"enable"`
	// Disable is the name that asks for the old behaviour, "" if there is no such name.
	Disable string `json:"disable"`
	// Since is the compatibility date from which the new behaviour is the default, "" if there is none.
	Since string `json:"since"`
	// Always means that the new behaviour is the default at every date.
	Always bool `json:"always"`
	// ImpliedBy names flags (by Enable), any of which turns this flag on for compatibility dates from ImpliedSince.
	ImpliedBy    []string `json:"implied_by"`
	ImpliedSince string   `json:"implied_since"`
	// Experimental flags may change or go away.
	Experimental bool `json:"experimental"`
	// What is one line on what the flag changes, "" for those nobody needs to read about.
	What string `json:"what"`
}

//go:embed flags.json
var flagsJSON []byte

var (
	newest string
	flags  []Flag
	// byName finds a flag by either of its names.
	byName map[string]int
	names  []string
)

func init() {
	var file struct {
		Newest string `json:"newest"`
		Flags  []Flag `json:"flags"`
	}
	if err := json.Unmarshal(flagsJSON, &file); err != nil {
		panic("compat: flags.json: " + err.Error())
	}
	newest, flags = file.Newest, file.Flags
	byName = make(map[string]int, 2*len(flags))
	for i, flag := range flags {
		for _, name := range []string{flag.Enable, flag.Disable} {
			if name != "" {
				byName[name] = i
				names = append(names, name)
			}
		}
	}
}

// Newest is the compatibility date up to which the flags are known: the date for a worker that names none.
func Newest() string { return newest }

// All returns every known flag, ordered by the date it became the default.
func All() []Flag { return slices.Clone(flags) }

// Find returns the flag that has name as its enabling or disabling name.
func Find(name string) (flag Flag, ok bool) {
	i, ok := byName[name]
	if !ok {
		return Flag{}, false
	}
	return flags[i], true
}

// futureAllowed is how far a compatibility date may lie ahead: the date may be written where the day has begun already.
const futureAllowed = 24 * time.Hour

// firstDate is the oldest date that means anything: the one before which no flag has a date.
const firstDate = "2021-05-01"

// CheckDate reports what is wrong with a compatibility date: its form must be YYYY-MM-DD, the day must exist, and it must
// not lie in the future of now.
func CheckDate(date string, now time.Time) error {
	day, err := time.Parse(time.DateOnly, date)
	switch {
	case err != nil && looksLikeDate(date):
		return fmt.Errorf("%s is not a day of the calendar", date)
	case err != nil:
		return fmt.Errorf("%q is not a date in the form YYYY-MM-DD", date)
	case day.Year() < 2000:
		return fmt.Errorf("%s is too early: the oldest compatibility date is %s", date, firstDate)
	case day.After(now.UTC().Add(futureAllowed)):
		return fmt.Errorf("%s lies in the future: today is %s", date, now.UTC().Format(time.DateOnly))
	}
	return nil
}

func looksLikeDate(s string) bool {
	if len(s) != len(time.DateOnly) {
		return false
	}
	for i, c := range []byte(s) {
		if dash := i == 4 || i == 7; dash != (c == '-') || !dash && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// UnknownFlagError is the error for a name that no flag has.
type UnknownFlagError struct {
	Name string
	// Nearest is the known name that was probably meant, "" if there is none.
	Nearest string
}

func (e *UnknownFlagError) Error() string {
	text := fmt.Sprintf("no such compatibility flag: %q", e.Name)
	if e.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return text
}

// CheckFlag returns an *UnknownFlagError if no flag has the name.
func CheckFlag(name string) error {
	if _, ok := byName[name]; ok {
		return nil
	}
	return &UnknownFlagError{Name: name, Nearest: nearest.To(name, names)}
}

// ContradictionError is the error for a flag that is asked for and asked not to be.
type ContradictionError struct{ Enable, Disable string }

func (e *ContradictionError) Error() string {
	return fmt.Sprintf("compatibility flags contradict each other: %q and %q", e.Enable, e.Disable)
}

// Set is the behaviour of one worker. The zero Set has no flag on. It is not changed after it was made.
type Set struct{ on map[string]bool }

// Has reports whether the flag with that enabling name is on.
func (s Set) Has(enable string) bool { return s.on[enable] }

// Names lists the enabling names of the flags that are on, sorted.
func (s Set) Names() []string {
	all := make([]string, 0, len(s.on))
	for name := range s.on {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// honoured are the flags that the runtime layer asks for (hasCompatFlag in runtime/), sorted. Whoever makes it ask for one
// more adds it here; the other flags need not be sent to every isolate.
var honoured = []string{
	"allow_wasm_from_bytes", "brotli_content_encoding", "fetch_iterable_type_support", "html_rewriter_treats_esi_include_as_void_tag", "nodejs_als", "nodejs_compat", "nodejs_compat_populate_process_env", "web_socket_auto_reply_to_close",
	"web_socket_compression", "websocket_standard_binary_type",
}

// Honoured lists, sorted, the flags that are on and that the runtime layer asks for.
func (s Set) Honoured() []string {
	return slices.DeleteFunc(slices.Clone(honoured), func(name string) bool { return !s.on[name] })
}

// Names lists the enabling names of all flags there are, in an order that is the same for a whole build.
func Names() []string {
	all := make([]string, len(flags))
	for i, flag := range flags {
		all[i] = flag.Enable
	}
	return all
}

// Sent lists what the runtime layer is told: the flags that it asks for, and, for Cloudflare.compatibilityFlags, "#" with a
// bit for each of Names in hexadecimal digits, the first the highest.
func (s Set) Sent() []string {
	const digits = "0123456789abcdef"
	bits := []byte{'#'}
	for i := 0; i < len(flags); i += 4 {
		digit := 0
		for j := range 4 {
			digit <<= 1
			if i+j < len(flags) && s.on[flags[i+j].Enable] {
				digit |= 1
			}
		}
		bits = append(bits, digits[digit])
	}
	return append(s.Honoured(), string(bits))
}

// Resolve tells which flags are on for a worker with a compatibility date and the flags it names. date must have passed
// CheckDate. A flag is on if it is named, or if the date has reached its default or its implication, unless its disabling
// name is given. Errors: *UnknownFlagError, *ContradictionError. Naming what is the default anyway is no error.
func Resolve(date string, named []string) (Set, error) {
	asked := make(map[string]bool, len(named))
	for _, name := range named {
		if err := CheckFlag(name); err != nil {
			return Set{}, err
		}
		asked[name] = true
	}
	on := make(map[string]bool)
	for _, flag := range flags {
		if asked[flag.Enable] && asked[flag.Disable] {
			return Set{}, &ContradictionError{flag.Enable, flag.Disable}
		}
		byDate := flag.Always || flag.Since != "" && strings.Compare(date, flag.Since) >= 0
		if asked[flag.Enable] || byDate && !asked[flag.Disable] {
			on[flag.Enable] = true
		}
	}
	// Implications may follow from one another, so they are applied until nothing changes.
	for changed := true; changed; {
		changed = false
		for _, flag := range flags {
			if on[flag.Enable] || flag.ImpliedSince == "" || date < flag.ImpliedSince || asked[flag.Disable] {
				continue
			}
			if slices.ContainsFunc(flag.ImpliedBy, func(other string) bool { return on[other] }) {
				on[flag.Enable] = true
				changed = true
			}
		}
	}
	return Set{on}, nil
}
