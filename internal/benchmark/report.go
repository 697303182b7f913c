package benchmark

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is what a run found. Its JSON form is stable: fields are added, not changed.
type Report struct {
	Machine Machine   `json:"machine"`
	Quick   bool      `json:"quick,omitempty"`
	Metrics []*Metric `json:"metrics"`
}

// Machine is what the figures depend on.
type Machine struct {
	Processors int    `json:"processors"`
	Model      string `json:"model"`
	Kernel     string `json:"kernel"`
	Skerry     string `json:"skerry"`
	Node       string `json:"node,omitempty"`
	Workerd    string `json:"workerd,omitempty"`
	Go         string `json:"go"`
}

// Metric is one table.
type Metric struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Unit  string `json:"unit"`
	// Meaning says what the figure is and how it was taken.
	Meaning string `json:"meaning"`
	Rows    []*Row `json:"rows"`
}

// Row is one peer in one case. Samples has one value per round.
type Row struct {
	Peer    string    `json:"peer"`
	Case    string    `json:"case,omitempty"`
	Samples []float64 `json:"samples"`
	Median  float64   `json:"median"`
	Min     float64   `json:"min"`
	Max     float64   `json:"max"`
}

func newReport(o Options) *Report { return &Report{Quick: o.Quick, Metrics: []*Metric{}} }

func (r *Report) describe(ctx context.Context, o Options) {
	r.Machine = Machine{Processors: runtime.NumCPU(), Model: processorModel(), Kernel: kernelRelease(), Go: runtime.Version(),
		Skerry: version(ctx, o.Self, "version")}
	if o.Node != "" {
		r.Machine.Node = version(ctx, o.Node, "--version")
	}
	if o.Workerd != "" {
		r.Machine.Workerd = version(ctx, o.Workerd, "--version")
	}
}

func kernelRelease() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

func processorModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// metric adds a table.
func (r *Report) metric(id, title, unit, meaning string) *Metric {
	m := &Metric{ID: id, Title: title, Unit: unit, Meaning: meaning, Rows: []*Row{}}
	r.Metrics = append(r.Metrics, m)
	return m
}

// add puts a sample into the row of a peer and case, which is made if it is not there.
func (m *Metric) add(peer, kind string, sample float64) {
	row := m.row(peer, kind)
	row.Samples = append(row.Samples, sample)
	sorted := slices.Sorted(slices.Values(row.Samples))
	row.Min, row.Max = sorted[0], sorted[len(sorted)-1]
	row.Median = (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// row is the row of a peer and case, which is made if it is not there.
func (m *Metric) row(peer, kind string) *Row {
	i := slices.IndexFunc(m.Rows, func(r *Row) bool { return r.Peer == peer && r.Case == kind })
	if i < 0 {
		i = len(m.Rows)
		m.Rows = append(m.Rows, &Row{Peer: peer, Case: kind})
	}
	return m.Rows[i]
}

// WriteJSON writes the report for a program.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes the report for a person.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%d × %s, Linux %s\nskerry: %s\n", m.Processors, m.Model, m.Kernel, m.Skerry)
	for _, peer := range [][2]string{{"go", m.Go}, {"node", m.Node}, {"workerd", m.Workerd}} {
		if peer[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", peer[0], peer[1])
		}
	}
	if r.Quick {
		b.WriteString("A quick run: these figures show that it works, not how fast.\n")
	}
	said := ""
	for _, metric := range r.Metrics {
		fmt.Fprintf(&b, "\n%s (%s)\n", metric.Title, metric.Unit)
		if metric.Meaning != said {
			said = metric.Meaning
			fmt.Fprintf(&b, "%s\n", wrap(said, 100, "  "))
		}
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprint(table, "\tmedian\tmin\tmax\trounds\t\n")
		for _, row := range metric.Rows {
			name := row.Peer
			if row.Peer != "" && row.Case != "" {
				name += ", "
			}
			name += row.Case
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t\n", name, figure(row.Median), figure(row.Min), figure(row.Max), len(row.Samples))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// figure prints three significant digits, all of the whole part.
func figure(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1 || v <= -1 || v == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			b.WriteString(indent)
		case column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
