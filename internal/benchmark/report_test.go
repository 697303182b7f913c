package benchmark

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestRowsKeepMedianMinMax(t *testing.T) {
	var m Metric
	for _, v := range []float64{5, 1, 9} {
		m.add("skerry", "", v)
	}
	m.add("node http", "", 4)
	m.add("skerry", "other", 2)
	m.add("skerry", "", 7)
	if len(m.Rows) != 3 {
		t.Fatalf("%d rows, want 3", len(m.Rows))
	}
	if r := m.Rows[0]; r.Median != 6 || r.Min != 1 || r.Max != 9 || len(r.Samples) != 4 {
		t.Errorf("got %+v, want median 6, min 1, max 9 of 4", r)
	}
}

func TestReportAsTextAndJSON(t *testing.T) {
	r := newReport(Options{Quick: true})
	r.Machine = Machine{Processors: 2, Model: "Example 9000", Kernel: "6.1", Skerry: "skerry 1.2.3", Go: "go1.26"}
	m := r.metric("cold", "Cold start", "ms", "Time from one thing to another, which is a sentence long enough that it has to be broken into two lines of text.")
	m.add("skerry", "10 resident", 0.98765)
	m.add("node process", "", 123.4)
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := `2 × Example 9000, Linux 6.1
skerry: skerry 1.2.3
go: go1.26
A quick run: these figures show that it works, not how fast.

Cold start (ms)
  Time from one thing to another, which is a sentence long enough that it has to be broken into two
  lines of text.
                       median    min    max  rounds
  skerry, 10 resident   0.988  0.988  0.988       1
         node process     123    123    123       1
`
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Metrics[0].Rows[1].Median != 123.4 {
		t.Errorf("JSON does not come back: %v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), `"quick": true`) {
		t.Errorf("JSON does not say that the run was quick:\n%s", out.String())
	}
}
