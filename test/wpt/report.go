package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// counts are what a row of the table says of one platform.
type counts struct {
	files, ok, errors, timeouts, crashes int
	pass, fail, timeout, notRun          int
}

func (c *counts) add(o *outcome) {
	c.files++
	switch o.Status {
	case OK:
		c.ok++
	case Error:
		c.errors++
	case Timeout:
		c.timeouts++
	case Crash:
		c.crashes++
	}
	for _, t := range o.Tests {
		switch t.Verdict {
		case Pass:
			c.pass++
		case Fail:
			c.fail++
		case TimedOut:
			c.timeout++
		case NotRun:
			c.notRun++
		}
	}
}

// percent is the share of subtests that pass, of all that any platform knows of: a file that dies does not improve it.
func (c *counts) percent(known int) string {
	if known == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*float64(c.pass)/float64(known))
}

// printTable prints a line for each directory. A file whose subtests one platform never got to counts with what the other
// found there.
func printTable(out io.Writer, all *results) {
	fmt.Fprintf(out, "%-34s %5s %5s %4s %4s %6s %9s %7s %6s %8s %7s %8s %9s\n",
		"directory", "files", "OK", "ERR", "TMO", "crash", "subtests", "pass", "fail", "timeout", "notrun", "skerry%", "workerd%")
	type sum struct {
		skerry, workerd counts
		known           int
	}
	rows := make([]sum, len(directories))
	var held, total sum
	for i, t := range all.Tests {
		known := 0
		for _, platform := range [][]outcome{all.Skerry, all.Workerd} {
			if platform != nil {
				known = max(known, len(platform[i].Tests))
			}
		}
		sums := []*sum{&rows[t.row], &total}
		if directories[t.row].held {
			sums = append(sums, &held)
		}
		for _, s := range sums {
			s.known += known
			if all.Skerry != nil {
				s.skerry.add(&all.Skerry[i])
			}
			if all.Workerd != nil {
				s.workerd.add(&all.Workerd[i])
			}
		}
	}
	line := func(name string, s *sum) {
		c, skerry, workerd := &s.skerry, "-", "-"
		if all.Skerry == nil {
			c = &s.workerd
		} else {
			skerry = c.percent(s.known)
		}
		if all.Workerd != nil {
			workerd = s.workerd.percent(s.known)
		}
		if c.files > 0 {
			fmt.Fprintf(out, "%-34s %5d %5d %4d %4d %6d %9d %7d %6d %8d %7d %8s %9s\n",
				name, c.files, c.ok, c.errors, c.timeouts, c.crashes, s.known, c.pass, c.fail, c.timeout, c.notRun, skerry, workerd)
		}
	}
	for i, d := range directories {
		name := d.path
		if !d.held {
			name += " *"
		}
		line(name, &rows[i])
	}
	line("TOTAL without *", &held)
	line("TOTAL", &total)
}

// printFailures lists the files and subtests that do not pass.
func printFailures(out io.Writer, tests []*test, outcomes []outcome) {
	for i, o := range outcomes {
		failed := slices.DeleteFunc(slices.Clone(o.Tests), func(s subtest) bool { return s.Verdict == Pass })
		if o.Status == OK && len(failed) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s: %s, %d of %d subtests do not pass\n", tests[i].name(), o.Status, len(failed), len(o.Tests))
		if o.Message != "" {
			fmt.Fprintf(out, "    %s\n", strings.ReplaceAll(o.Message, "\n", "\n    "))
		}
		for _, s := range failed {
			fmt.Fprintf(out, "  %s %q\n      %s\n", s.Verdict, s.Name, strings.ReplaceAll(s.Message, "\n", "\n      "))
		}
	}
}
