package project

import (
	"regexp"
	"slices"
	"strings"
)

// Rule says of which type imported files are whose names match.
type Rule struct {
	// Type is ESModule, CommonJS, CompiledWasm, Text or Data.
	Type  string
	Globs []string
	// Fallthrough keeps later rules of the same type, the default ones included, in use.
	Fallthrough bool
	// decided says that fallthrough was written, so the effect is meant.
	decided bool
	at      *node
}

// defaultRules are those of wrangler.
var defaultRules = []Rule{
	{Type: "Text", Globs: []string{"**/*.txt", "**/*.html", "**/*.sql"}},
	{Type: "Data", Globs: []string{"**/*.bin"}},
	{Type: "CompiledWasm", Globs: []string{"**/*.wasm", "**/*.wasm?module"}},
}

// compiledRule is a rule with its globs as expressions.
type compiledRule struct {
	Rule
	// specifiers match import specifiers, where "*" spans directories; files match paths relative to the base directory.
	specifiers, files []*regexp.Regexp
	// by is the rule that put this one out of use.
	by *Rule
}

// ruleSet is the rules in use, in order, and those an earlier rule of the same type has put out of use.
type ruleSet struct{ active, removed []compiledRule }

// parseRules adds the default rules. As in wrangler, the first rule of a type without fallthrough is the last one of it.
func parseRules(user []Rule) (set ruleSet) {
	last := make(map[string]*Rule)
	for _, r := range slices.Concat(user, defaultRules) {
		c := compiledRule{Rule: r}
		for _, glob := range r.Globs {
			c.specifiers = append(c.specifiers, regexp.MustCompile(globExpression(glob, ".*")))
			c.files = append(c.files, regexp.MustCompile(globExpression(glob, "[^/]*")))
		}
		if c.by = last[r.Type]; c.by != nil {
			set.removed = append(set.removed, c)
			continue
		}
		if !r.Fallthrough {
			last[r.Type] = &r
		}
		set.active = append(set.active, c)
	}
	return set
}

// globExpression turns a glob into a regular expression. Only "*" and "**" mean something, as in wrangler: "?" is itself.
func globExpression(glob, star string) string {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(glob); {
		switch {
		case strings.HasPrefix(glob[i:], "**/"):
			if star == ".*" {
				b.WriteString(".*")
			} else {
				b.WriteString("(?:[^/]+/)*")
			}
			i += 3
		case strings.HasPrefix(glob[i:], "**"):
			b.WriteString(".*")
			i += 2
		case glob[i] == '*':
			b.WriteString(star)
			i++
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
			i++
		}
	}
	b.WriteString("$")
	return b.String()
}

// specifierRule returns the rule for an import specifier, and whether it is one that is out of use.
func (s ruleSet) specifierRule(specifier string) (rule *compiledRule, removed bool) {
	for _, rules := range [][]compiledRule{s.active, s.removed} {
		for i := range rules {
			if matchAny(rules[i].specifiers, specifier) {
				return &rules[i], removed
			}
		}
		removed = true
	}
	return nil, false
}

// fileRule returns the rule for a path relative to the base directory, nil if there is none.
func (s ruleSet) fileRule(path string) *compiledRule {
	for i := range s.active {
		if matchAny(s.active[i].files, path) {
			return &s.active[i]
		}
	}
	return nil
}

func matchAny(expressions []*regexp.Regexp, text string) bool {
	return slices.ContainsFunc(expressions, func(e *regexp.Regexp) bool { return e.MatchString(text) })
}

// filter is one expression for every specifier that a rule may be about.
func (s ruleSet) filter() string {
	var parts []string
	for _, rules := range [][]compiledRule{s.active, s.removed} {
		for _, r := range rules {
			for _, e := range r.specifiers {
				parts = append(parts, e.String())
			}
		}
	}
	return strings.Join(parts, "|")
}
