package compat

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestCheckDate(t *testing.T) {
	tests := []struct{ date, want string }{
		{"2024-09-23", ""},
		{"2026-11-23", ""},
		{"2026-11-24", ""},
		{"2026-11-25", "lies in the future"},
		{"2999-01-01", "lies in the future"},
		{"2023-02-30", "not a day of the calendar"},
		{"2023-13-01", "not a day of the calendar"},
		{"1999-01-01", "too early"},
		{"2023-2-3", "form YYYY-MM-DD"},
		{"2023-01-01T00:00:00Z", "form YYYY-MM-DD"},
		{"2023–01–01", "form YYYY-MM-DD"},
		{"today", "form YYYY-MM-DD"},
		{"", "form YYYY-MM-DD"},
	}
	for _, test := range tests {
		err := CheckDate(test.date, now)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("CheckDate(%q) = %v, want %q", test.date, err, test.want)
		}
	}
}

func TestResolve(t *testing.T) {
	tests := []struct {
		name  string
		date  string
		flags []string
		on    []string
		off   []string
	}{
		{name: "oldest", date: "2021-05-01", on: []string{"r2_public_beta_bindings"}, off: []string{"url_standard", "global_navigator", "nodejs_compat"}},
		{name: "by date", date: "2022-10-31", on: []string{"url_standard"}, off: []string{"streams_enable_constructors"}},
		{name: "the day before", date: "2022-10-30", off: []string{"url_standard"}},
		{name: "by flag", date: "2021-05-01", flags: []string{"url_standard"}, on: []string{"url_standard"}},
		{name: "disabled", date: "2024-01-01", flags: []string{"url_original"}, off: []string{"url_standard"}},
		{name: "nodejs_compat before version 2", date: "2024-09-22", flags: []string{"nodejs_compat"}, on: []string{"nodejs_compat"}, off: []string{"nodejs_compat_v2", "nodejs_zlib"}},
		{name: "nodejs_compat implies version 2", date: "2024-09-23", flags: []string{"nodejs_compat"}, on: []string{"nodejs_compat", "nodejs_compat_v2", "nodejs_zlib"}},
		{name: "implication disabled", date: "2024-09-23", flags: []string{"nodejs_compat", "no_nodejs_compat_v2"}, off: []string{"nodejs_compat_v2"}},
		{name: "implication of an implication", date: "2025-09-15", flags: []string{"nodejs_compat"}, on: []string{"enable_nodejs_http_modules", "enable_nodejs_http_server_modules"}},
		{name: "nodejs_als", date: "2024-01-01", flags: []string{"nodejs_als"}, on: []string{"nodejs_als"}, off: []string{"nodejs_compat"}},
		{name: "default at last", date: "2026-08-04", on: []string{"nodejs_compat", "nodejs_compat_v2"}},
		{name: "twice is once", date: "2024-01-01", flags: []string{"nodejs_als", "nodejs_als"}, on: []string{"nodejs_als"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set, err := Resolve(test.date, test.flags)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range test.on {
				if !set.Has(name) {
					t.Errorf("%s is off", name)
				}
			}
			for _, name := range test.off {
				if set.Has(name) {
					t.Errorf("%s is on", name)
				}
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	_, err := Resolve("2024-01-01", []string{"node_compat"})
	var unknown *UnknownFlagError
	if !errors.As(err, &unknown) || unknown.Nearest != "nodejs_compat" {
		t.Errorf("got %v, want a suggestion of nodejs_compat", err)
	}
	_, err = Resolve("2024-01-01", []string{"qqqqqqqq"})
	if !errors.As(err, &unknown) || unknown.Nearest != "" {
		t.Errorf("got %v, want no suggestion", err)
	}
	_, err = Resolve("2024-01-01", []string{"url_original", "url_standard"})
	var contradiction *ContradictionError
	if !errors.As(err, &contradiction) {
		t.Errorf("got %v, want a contradiction", err)
	}
}

// Goal: a slip in the data file is found here, not by a worker. Method: check every row against the rules of the format.
func TestData(t *testing.T) {
	seen := map[string]bool{}
	for _, flag := range All() {
		if flag.Enable == "" {
			t.Errorf("a flag without a name: %+v", flag)
		}
		for _, name := range []string{flag.Enable, flag.Disable} {
			if name != "" && seen[name] {
				t.Errorf("%s appears twice", name)
			}
			seen[name] = true
		}
		for _, date := range []string{flag.Since, flag.ImpliedSince} {
			if _, err := time.Parse(time.DateOnly, date); date != "" && err != nil {
				t.Errorf("%s: %v", flag.Enable, err)
			}
		}
		if flag.Since > Newest() {
			t.Errorf("%s is the default only after %s, the newest known date", flag.Enable, Newest())
		}
		if (len(flag.ImpliedBy) == 0) != (flag.ImpliedSince == "") {
			t.Errorf("%s: implication without date or the reverse", flag.Enable)
		}
		for _, other := range flag.ImpliedBy {
			if found, ok := Find(other); !ok || found.Enable != other {
				t.Errorf("%s is implied by %s, which is not an enabling name", flag.Enable, other)
			}
		}
	}
	if err := CheckDate(Newest(), now); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"nodejs_compat", "nodejs_als", "no_nodejs_compat"} {
		if flag, ok := Find(name); !ok || flag.What == "" {
			t.Errorf("%s is missing or not described", name)
		}
	}
}

// Goal: what the runtime layer asks for is sent to it. Method: the calls of hasCompatFlag in its sources.
func TestHonoured(t *testing.T) {
	call := regexp.MustCompile(`hasCompatFlag\("(\w+)"\)`)
	asked := make(map[string]bool)
	err := filepath.WalkDir("../../runtime", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".ts" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range call.FindAllStringSubmatch(string(text), -1) {
			asked[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(asked)); !slices.Equal(got, honoured) {
		t.Errorf("the runtime layer asks for %v, and honoured is %v", got, honoured)
	}
	for _, name := range honoured {
		if flag, ok := Find(name); !ok || flag.Enable != name {
			t.Errorf("%s is not the enabling name of a flag", name)
		}
	}
	set, err := Resolve("2026-08-04", []string{"no_nodejs_compat"})
	if err != nil || slices.Contains(set.Honoured(), "nodejs_compat") || !slices.Contains(set.Honoured(), "websocket_standard_binary_type") {
		t.Errorf("%v, %v", set.Honoured(), err)
	}
}

// Goal: the runtime layer learns of every flag. Method: the bits, read back.
func TestSent(t *testing.T) {
	set, err := Resolve("2026-06-01", []string{"nodejs_als", "no_global_navigator"})
	if err != nil {
		t.Fatal(err)
	}
	sent := set.Sent()
	bits := sent[len(sent)-1]
	if !slices.Equal(sent[:len(sent)-1], set.Honoured()) || !strings.HasPrefix(bits, "#") || len(bits) != 1+(len(Names())+3)/4 {
		t.Fatalf("%q", sent)
	}
	for i, name := range Names() {
		digit, err := strconv.ParseUint(bits[1+i/4:2+i/4], 16, 4)
		if err != nil {
			t.Fatal(err)
		}
		if on := digit&(8>>(i%4)) != 0; on != set.Has(name) {
			t.Errorf("%s: %t, want %t", name, on, set.Has(name))
		}
	}
	if set.Has("global_navigator") || !set.Has("nodejs_als") || !set.Has("url_standard") {
		t.Error("the set is not what was asked for")
	}
}

// Goal: the documentation names every flag that is honoured.
func TestHonouredIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range honoured {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/compatibility.md does not name %s", name)
		}
	}
}
