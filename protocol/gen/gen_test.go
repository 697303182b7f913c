package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Goal: the committed readers and writers are those of the committed schema. Method: generate again and compare.
func TestGeneratedFilesAreFresh(t *testing.T) {
	const root = "../.."
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 {
		t.Fatalf("%d files generated, want 3", len(files))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./protocol", name)
		}
	}
}

func TestSchemaIsRefused(t *testing.T) {
	const good = `{"protocol":1,"limits":{"x_max":1},"enums":{"E":{"comment":"","values":{"a":0}}},"structs":{"S":{"comment":"","fields":[["a","u8:E"]]}},
		"control":[{"name":"M","id":1,"from":"host","about":"none","comment":"","fields":[["b","list:S"],["c","rest"]]}],"bindings":[]}`
	if _, err := parseSchema([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, new, err string }{
		{"unknown key", `"protocol"`, `"version":2,"protocol"`, "unknown field"},
		{"protocol number", `"protocol":1`, `"protocol":0`, "not positive"},
		{"limit", `"x_max":1`, `"x_max":0`, "limit x_max"},
		{"enum value", `"a":0`, `"a":256`, "bad value"},
		{"enum value twice", `"a":0`, `"a":0,"b":0`, "bad value"},
		{"keyword", `"a":0`, `"default":0`, "bad value"},
		{"enum unused", `"u8:E"`, `"u8"`, "not used"},
		{"enum unknown", `"u8:E"`, `"u8:F"`, "bad enumeration"},
		{"enum of strings", `"u8:E"`, `"str:E"`, "bad enumeration"},
		{"type unknown", `"rest"`, `"u24"`, "unknown type"},
		{"rest in the middle", `["b","list:S"]`, `["b","rest"]`, "not the last"},
		{"rest in a struct", `"u8:E"]`, `"u8:E"],["r","rest"]`, "rest"},
		{"field twice", `["c","rest"]`, `["b","rest"]`, "bad field"},
		{"name twice", `"name":"M"`, `"name":"S"`, "defined twice"},
		{"id", `"id":1`, `"id":0`, "id 0"},
		{"direction", `"host"`, `"client"`, "bad from"},
		{"about", `"about":"none"`, `"about":"nothing"`, "about"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed := strings.Replace(good, test.old, test.new, 1)
			if changed == good {
				t.Fatal("the case changes nothing")
			}
			if _, err := parseSchema([]byte(changed)); err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
		})
	}
}

func TestGoName(t *testing.T) {
	for in, want := range map[string]string{"cpu_ns": "CPUNs", "exceededCpu": "ExceededCPU", "status_text": "StatusText", "memory_mb": "MemoryMB",
		"url": "URL", "tooLarge": "TooLarge", "v8": "V8", "frame_payload_max": "FramePayloadMax"} {
		if got := goName(in); got != want {
			t.Errorf("goName(%q) = %q, want %q", in, got, want)
		}
	}
}
