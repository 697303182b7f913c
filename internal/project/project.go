// Package project reads what a developer has written: the project directory with its wrangler configuration and sources
// becomes a worker.Version, and skerry.toml becomes the configuration of the server.
//
// Everything wrong with it comes back as a Diagnostic with file, line, column and what is allowed there. The keys are
// those of wrangler's configuration reference; those that Skerry does not serve yet are named, never imitated. Bundling
// is done by esbuild in this process. The package runs no worker, opens no listener and watches no file: Inputs tells the
// caller what to watch. Callers: the commands dev, deploy and serve. A Builder's Build uses the goroutines of esbuild,
// which have ended when it returns; build.command, if given, is run as a process by Build.
package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"skerry/internal/compat"
	"skerry/internal/routing"
	"skerry/internal/worker"
)

// Options say for what a project is loaded.
type Options struct {
	// Env is the named environment, "" for the top level.
	Env string
	// Deploy means that the result leaves this machine: .dev.vars and .env are not read, process.env.NODE_ENV is
	// "production", and a worker must have a name and a compatibility date.
	Deploy bool
	// Production means that strangers will call the worker: process.env.NODE_ENV is "production". Deploy implies it.
	Production bool
	// Now is the time compatibility dates are checked against. Zero means the time of the call.
	Now time.Time
}

// Project is a project's configuration, checked and with defaults. It is not changed after Load.
type Project struct {
	// Dir is the directory of the configuration file, absolute. Paths in the configuration are relative to it.
	Dir string
	// shown is Dir as the user would write it, for diagnostics.
	shown string
	// File is the configuration file, absolute. "" if the project is a single script.
	File   string
	Env    string
	Deploy bool
	// Production is that of Options, or Deploy.
	Production bool

	Name string
	// Main is the entry file, absolute. build.command may have to make it.
	Main string
	// CompatDate is never empty. Compat is what it and CompatFlags amount to.
	CompatDate  string
	CompatFlags []string
	Compat      compat.Set
	// Bindings are vars, what .dev.vars or .env add to them, and the bindings of products that are not served.
	Bindings []worker.Binding
	// Limits has zero fields for defaults.
	Limits worker.Limits

	Rules         []Rule
	Alias, Define map[string]string
	Minify        bool
	KeepNames     bool
	NoBundle      bool
	// FindAdditional uploads every file under BaseDir that a rule matches, imported or not.
	FindAdditional bool
	// BaseDir is the root of module names, absolute.
	BaseDir                 string
	JSXFactory, JSXFragment string
	// Tsconfig is absolute, "" to find it as TypeScript does.
	Tsconfig string

	Routes []Route
	Dev    Dev
	Build  CustomBuild

	// ConfigFiles are the files (absolute) that Load has read or would have read had they existed: when one of them
	// changes, appears or goes, the project must be loaded again.
	ConfigFiles []string

	doc *document
	// Where keys that Build may have to complain about were written; nil if they were not.
	mainAt, commandAt, aliasAt, defineAt *node
}

// Route is an entry of "routes".
type Route struct {
	Pattern      string
	CustomDomain bool
}

// Dev is the section "dev". Zero fields were not given.
type Dev struct {
	IP   string
	Port int
}

// CustomBuild is the section "build".
type CustomBuild struct {
	// Command is run by a shell before each build. "" means none.
	Command string
	// Dir is its working directory, absolute.
	Dir string
	// Watch are directories (absolute) whose changes, at any depth, need a new build.
	Watch []string
}

// ErrNoProject is in the chain of Load's error if there is no configuration file.
var ErrNoProject = errors.New("no wrangler.jsonc, wrangler.json or wrangler.toml")

// configNames are the configuration files in the order in which wrangler looks for them.
var configNames = []string{"wrangler.json", "wrangler.jsonc", "wrangler.toml"}

// maxConfig is the largest configuration file in bytes.
const maxConfig = 4 << 20

// Load reads the configuration in a directory, or in the file that path names; a path to a script (.js, .mjs, .ts, …) is a
// project of that script alone.
//
// The diagnostics are complete and in the order of the file, whatever the error is. The error is Diagnostics if any of
// them is an Error, otherwise it is that of reading the files. When the project cannot be used the returned Project has at
// least ConfigFiles, so that a caller can wait for a better version; it is nil only if path itself cannot be read.
func Load(path string, opts Options) (*Project, []Diagnostic, error) {
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("load project: %w", err)
	}
	l := &loader{opts: opts, p: &Project{Env: opts.Env, Deploy: opts.Deploy, Production: opts.Production || opts.Deploy, KeepNames: true}}
	shownFile := path
	switch {
	case info.IsDir():
		shownFile, err = l.findConfig(path)
	case isScript(path):
		shownFile = ""
		l.p.shown = filepath.Dir(path)
	default:
		l.p.shown = filepath.Dir(path)
	}
	if l.p.Dir, _ = filepath.Abs(l.p.shown); err != nil {
		return l.p, nil, fmt.Errorf("load project: %w", err)
	}
	if shownFile == "" {
		l.doc = newDocument(path, nil, &l.diags)
		l.doc.root = &node{kind: objectKind}
		l.p.doc = l.doc
		l.p.Main, _ = filepath.Abs(path)
	} else if err := l.read(shownFile); err != nil {
		return l.p, l.diags, fmt.Errorf("load project: %w", err)
	}
	if l.doc.root != nil {
		l.decode()
	}
	l.diags.sort(l.doc.file)
	if l.diags.HasErrors() {
		return l.p, l.diags, l.diags
	}
	return l.p, l.diags, nil
}

func isScript(path string) bool {
	return slices.Contains([]string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"}, strings.ToLower(filepath.Ext(path)))
}

// loader holds what belongs to one Load.
type loader struct {
	opts  Options
	p     *Project
	doc   *document
	diags Diagnostics
	// top is the file's object, env that of the named environment: nil without one.
	top, env *node
}

// findConfig returns the path of the configuration file in a directory.
func (l *loader) findConfig(dir string) (string, error) {
	l.p.shown = dir
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range configNames {
		l.p.ConfigFiles = append(l.p.ConfigFiles, filepath.Join(absolute, name))
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%w in %s", ErrNoProject, dir)
	}
	for _, other := range found[1:] {
		l.diags = append(l.diags, Diagnostic{
			File: filepath.ToSlash(filepath.Join(dir, other)), Severity: Warning,
			Message: fmt.Sprintf("not read, since there is %s too", found[0]), Hint: "keep one of them",
		})
	}
	return filepath.Join(dir, found[0]), nil
}

func (l *loader) read(shown string) error {
	file, err := filepath.Abs(shown)
	if err != nil {
		return err
	}
	l.p.File = file
	if !slices.Contains(l.p.ConfigFiles, file) {
		l.p.ConfigFiles = append(l.p.ConfigFiles, file)
	}
	doc, err := readDocument(shown, &l.diags)
	if err != nil {
		return err
	}
	l.doc, l.p.doc = doc, doc
	return nil
}

// readDocument reads and parses a configuration file by its ending. Mistakes in it are reported in diags.
func readDocument(path string, diags *Diagnostics) (*document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxConfig)
	}
	data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
	doc := newDocument(filepath.ToSlash(filepath.Clean(path)), data, diags)
	if strings.EqualFold(filepath.Ext(path), ".toml") {
		doc.parseTOML()
	} else {
		doc.parseJSON()
	}
	if doc.root != nil && doc.root.kind != objectKind {
		doc.errorAt(doc.root, "", "the file must hold an object, not %s", doc.root.describe())
		doc.root = nil
	}
	return doc, nil
}

// get returns the value of a key that is in force: the environment's, or the top level's if the key is inherited.
func (l *loader) get(key string) *node {
	info := knownKeys[key]
	if l.env == nil || info.scope == topLevel {
		return l.top.get(key)
	}
	if n := l.env.get(key); n != nil || info.scope == perEnvironment {
		return n
	}
	return l.top.get(key)
}

// full is the name of a key with the environment it was found in.
func (l *loader) full(key string) string {
	if l.env != nil && l.env.get(key) != nil {
		return "env." + l.opts.Env + "." + key
	}
	return key
}

func (l *loader) decode() {
	l.top = l.doc.root
	l.selectEnv()
	l.checkKeys()
	d, p := l.doc, l.p

	l.decodeName()
	l.decodeMain()
	l.decodeCompat()
	p.NoBundle, _ = d.boolean(l.get("no_bundle"), "no_bundle")
	p.Minify, _ = d.boolean(l.get("minify"), "minify")
	if keep, ok := d.boolean(l.get("keep_names"), "keep_names"); ok {
		p.KeepNames = keep
	}
	p.FindAdditional = p.NoBundle
	if find, ok := d.boolean(l.get("find_additional_modules"), "find_additional_modules"); ok {
		p.FindAdditional = find
	}
	p.JSXFactory, _ = d.str(l.get("jsx_factory"), "jsx_factory", "")
	p.JSXFragment, _ = d.str(l.get("jsx_fragment"), "jsx_fragment", "")
	if n := l.get("tsconfig"); n != nil {
		if text, ok := d.str(n, "tsconfig", "a path"); ok {
			p.Tsconfig = l.existing(n, "tsconfig", text, false)
		}
	}
	p.BaseDir = filepath.Dir(p.Main)
	if n := l.get("base_dir"); n != nil {
		if text, ok := d.str(n, "base_dir", "a path"); ok {
			p.BaseDir = l.existing(n, "base_dir", text, true)
		}
	}
	l.decodeRules()
	p.aliasAt, p.defineAt = l.get("alias"), l.get("define")
	p.Alias = d.strMap(p.aliasAt, "alias")
	p.Define = d.strMap(p.defineAt, l.full("define"))
	l.decodeLimits()
	l.decodeRoutes()
	l.decodeDev()
	l.decodeBuild()
	l.decodeVars()
	l.addUnserved()
	if p.Build.Command == "" {
		p.checkMain(&l.diags)
	}
}

// selectEnv finds the named environment.
func (l *loader) selectEnv() {
	envs, ok := l.doc.object(l.top.get("env"), "env")
	if l.opts.Env == "" || l.p.File == "" {
		return
	}
	if ok {
		if l.env = envs.get(l.opts.Env); l.env != nil {
			if l.env.kind != objectKind {
				l.doc.errorAt(l.env, "", `"env.%s" must be an object, not %s`, l.opts.Env, l.env.describe())
				l.env = nil
			}
			return
		}
		var names []string
		for _, m := range envs.members {
			names = append(names, m.key)
		}
		if len(names) > 0 {
			hint := didYouMean(l.opts.Env, names)
			if hint == "" {
				hint = "there are: " + strings.Join(names, ", ")
			}
			l.doc.errorAt(envs, hint, "there is no environment %q", l.opts.Env)
			return
		}
	}
	// As in wrangler: without any environment in the file, the top level is used under the environment's name.
	l.doc.report(Warning, l.top.from, l.top.from+1, fmt.Sprintf("add env.%s", l.opts.Env), "there is no environment %q: the top level is used", l.opts.Env)
}

// checkKeys warns of keys that are unknown, out of place, or not served.
func (l *loader) checkKeys() {
	var names []string
	for key := range knownKeys {
		names = append(names, key)
	}
	slices.Sort(names)
	check := func(object *node, inEnv bool) {
		for i := range object.members {
			m := &object.members[i]
			info, known := knownKeys[m.key]
			switch {
			case !known && removedKeys[m.key] != "":
				l.doc.warnKey(m, removedKeys[m.key], "%q is no longer a key of wrangler's configuration", m.key)
			case !known:
				l.doc.warnKey(m, didYouMean(m.key, names), "unknown key %q", m.key)
			case inEnv && info.scope == topLevel:
				l.doc.warnKey(m, "move it to the top level", "%q has no effect in an environment", m.key)
			case m.value.kind == nullKind:
			case !inEnv && l.env != nil && info.scope == inherited && l.env.get(m.key) != nil:
			case !inEnv && l.env != nil && info.scope == perEnvironment:
				if info.service == served && l.env.get(m.key) == nil {
					l.doc.warnKey(m, fmt.Sprintf("repeat it in env.%s", l.opts.Env), "%q is not inherited: environment %q has none", m.key, l.opts.Env)
				}
			case info.service == notServed:
				l.notServed(m, info)
			}
		}
	}
	check(l.top, false)
	if l.env != nil {
		check(l.env, true)
	}
}

func (l *loader) notServed(m *member, info keyInfo) {
	if m.value.kind == listKind && len(m.value.items) == 0 || m.value.kind == objectKind && len(m.value.members) == 0 {
		return
	}
	what := info.what
	if what == "" {
		what = "using one of these bindings throws an error that says so"
	}
	l.doc.warnKey(m, "", "%q is not served yet: %s", m.key, what)
}

// workerName is what wrangler allows as a name.
var workerName = regexp.MustCompile(`^[a-z0-9_][a-z0-9-_]*$`)

// maxName is the longest name of a worker in bytes (a label of a host name).
const maxName = 63

func (l *loader) decodeName() {
	n := l.get("name")
	name, ok := l.doc.str(n, l.full("name"), "")
	if ok && (!workerName.MatchString(name) || len(name) > maxName) {
		l.doc.errorAt(n, "", `"name" must have 1 to %d lower case letters, digits, "-" and "_", not %s`, maxName, n.describe())
		return
	}
	if !ok {
		if n != nil {
			return
		}
		if l.opts.Deploy && l.p.File != "" {
			l.doc.report(Error, l.top.from, l.top.from+1, `add "name"`, `the worker has no name`)
			return
		}
		name = nameOf(filepath.Base(l.p.Dir))
	}
	// A named environment is a worker of its own.
	if l.opts.Env != "" && l.p.File != "" && (l.env == nil || l.env.get("name") == nil) {
		name += "-" + l.opts.Env
	}
	l.p.Name = name
}

// nameOf makes a worker name of a directory name.
func nameOf(dir string) string {
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(dir), "-"), "-")
	if name == "" {
		return "worker"
	}
	return name[:min(len(name), maxName)]
}

func (l *loader) decodeMain() {
	if l.p.Main != "" { // a single script
		return
	}
	n := l.get("main")
	main, ok := l.doc.str(n, l.full("main"), "the path of the entry file")
	switch {
	case ok && main != "":
		l.p.Main, l.p.mainAt = l.absolute(main), n
		if strings.EqualFold(filepath.Ext(main), ".py") {
			l.doc.errorAt(n, "", "Python workers are not served yet")
		}
	case n == nil || ok:
		hint := `add "main": "src/index.ts"`
		if l.top.get("assets") != nil {
			hint = "a worker of static files alone is not served yet"
		} else if strings.HasSuffix(l.doc.file, ".toml") {
			hint = `add main = "src/index.ts"`
		}
		l.doc.report(Error, l.top.from, l.top.from+1, hint, `"main" is missing: it names the entry file`)
	}
}

// absolute is a path of the configuration, relative to the directory of the file.
func (l *loader) absolute(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.p.Dir, path)
}

// existing is absolute for a path that must exist.
func (l *loader) existing(n *node, name, path string, dir bool) string {
	full := l.absolute(path)
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.doc.errorAt(n, "", "%q names %s, which does not exist", name, path)
	case err != nil:
		l.doc.errorAt(n, "", "%q names %s, which cannot be read: %v", name, path, err)
	case dir && !info.IsDir():
		l.doc.errorAt(n, "", "%q must name a directory, and %s is a file", name, path)
	case !dir && info.IsDir():
		l.doc.errorAt(n, "", "%q must name a file, and %s is a directory", name, path)
	}
	return full
}

// checkMain reports an entry file that does not exist.
func (p *Project) checkMain(diags *Diagnostics) {
	if p.Main == "" {
		return
	}
	info, err := os.Stat(p.Main)
	if err == nil && !info.IsDir() {
		return
	}
	shown := p.show(p.Main)
	d := Diagnostic{File: shown}
	if p.mainAt != nil {
		d = p.doc.place(p.mainAt.from, p.mainAt.to)
	}
	if err == nil {
		d.Message = fmt.Sprintf("the entry file %s is a directory", shown)
	} else {
		d.Message = fmt.Sprintf("the entry file %s does not exist", shown)
	}
	if p.Build.Command != "" {
		d.Message += ", even after build.command has run"
	}
	d.Hint = p.suggestMain(err == nil)
	*diags = append(*diags, d)
}

// suggestMain names an entry file that exists.
func (p *Project) suggestMain(isDir bool) string {
	base := strings.TrimSuffix(p.Main, filepath.Ext(p.Main))
	candidates := []string{base}
	if isDir {
		candidates = []string{filepath.Join(p.Main, "index"), filepath.Join(p.Main, "worker")}
	}
	candidates = append(candidates, filepath.Join(p.Dir, "src", "index"), filepath.Join(p.Dir, "src", "worker"), filepath.Join(p.Dir, "index"), filepath.Join(p.Dir, "worker"))
	for _, candidate := range candidates {
		for _, ext := range []string{".ts", ".tsx", ".js", ".mjs", ".jsx"} {
			if info, err := os.Stat(candidate + ext); err == nil && !info.IsDir() {
				if relative, err := filepath.Rel(p.Dir, candidate+ext); err == nil {
					return fmt.Sprintf("did you mean %q?", filepath.ToSlash(relative))
				}
			}
		}
	}
	return ""
}

// show is an absolute path as the user would write it.
func (p *Project) show(path string) string {
	relative, err := filepath.Rel(p.Dir, path)
	if err != nil || strings.HasPrefix(relative, "..") {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(filepath.Join(p.shown, relative))
}

func (l *loader) decodeCompat() {
	d, p := l.doc, l.p
	n := l.get("compatibility_date")
	date, ok := d.str(n, "compatibility_date", "a date in the form YYYY-MM-DD")
	switch {
	case ok:
		if err := compat.CheckDate(date, l.opts.Now); err != nil {
			d.errorAt(n, "", "compatibility_date: %v", err)
		}
	case n == nil && l.opts.Deploy && p.File != "":
		d.report(Error, l.top.from, l.top.from+1, fmt.Sprintf("add compatibility_date, such as %q", compat.Newest()), "the worker has no compatibility_date")
	case n == nil && p.File != "":
		d.report(Warning, l.top.from, l.top.from+1, fmt.Sprintf("add compatibility_date, such as %q", compat.Newest()), "the worker has no compatibility_date: %s is used", compat.Newest())
	}
	if !ok {
		date = compat.Newest()
	}
	p.CompatDate = date
	flags, nodes := d.strs(l.get("compatibility_flags"), "compatibility_flags")
	seen := make(map[string]bool)
	for i, flag := range flags {
		var unknown *compat.UnknownFlagError
		switch err := compat.CheckFlag(flag); {
		case errors.As(err, &unknown):
			hint := ""
			if unknown.Nearest != "" {
				hint = fmt.Sprintf("did you mean %q?", unknown.Nearest)
			}
			d.errorAt(nodes[i], hint, "no such compatibility flag: %q", flag)
			continue
		case seen[flag]:
			d.warnAt(nodes[i], "", "compatibility flag %q is given twice", flag)
			continue
		}
		seen[flag] = true
		if known, _ := compat.Find(flag); known.Experimental && flag == known.Enable {
			d.warnAt(nodes[i], "", "compatibility flag %q is experimental: it may change or go away", flag)
		}
		p.CompatFlags = append(p.CompatFlags, flag)
	}
	set, err := compat.Resolve(date, p.CompatFlags)
	if err != nil {
		d.errorAt(l.get("compatibility_flags"), "", "%v", err)
	}
	p.Compat = set
}

// ruleTypes are the module types of rules.
var ruleTypes = []string{"ESModule", "CommonJS", "CompiledWasm", "Text", "Data"}

func (l *loader) decodeRules() {
	d := l.doc
	items, _ := d.list(l.get("rules"), "rules", "objects")
	var rules []Rule
	for i, item := range items {
		name := fmt.Sprintf("rules[%d]", i)
		object, ok := d.object(item, name, ruleKeys...)
		if !ok {
			continue
		}
		rule := Rule{at: item}
		kind := object.get("type")
		if kind == nil {
			d.errorAt(item, "allowed: "+quoteList(ruleTypes), "%q has no \"type\"", name)
			continue
		}
		if kind.kind == stringKind && (kind.text == "PythonModule" || kind.text == "PythonRequirement") {
			d.warnAt(kind, "", "Python modules are not served yet: the rule is not used")
			continue
		}
		if rule.Type, ok = d.oneOf(kind, name+".type", ruleTypes...); !ok {
			continue
		}
		globs := object.get("globs")
		if globs == nil {
			d.errorAt(item, `such as "globs": ["**/*.md"]`, "%q has no \"globs\"", name)
			continue
		}
		if rule.Globs, _ = d.strs(globs, name+".globs"); len(rule.Globs) == 0 {
			continue
		}
		if fallthroughAt := object.get("fallthrough"); fallthroughAt != nil {
			on, ok := d.boolean(fallthroughAt, name+".fallthrough")
			rule.Fallthrough, rule.decided = on, ok
		}
		rules = append(rules, rule)
	}
	l.p.Rules = rules
	for _, dead := range parseRules(rules).removed {
		if dead.by.decided {
			continue
		}
		at, which := dead.by.at, "the default rule for "+strings.Join(dead.Globs, ", ")
		if dead.at != nil {
			which = "a later rule for " + strings.Join(dead.Globs, ", ")
		}
		d.warnAt(at, `add "fallthrough": true to use both, or false if it is meant`, "this rule for type %s ends the search, so %s is not used", dead.Type, which)
	}
}

// The range of limits.cpu_ms in wrangler's configuration.
const maxCPUMillis = 300_000

// maxSubrequests is the most that limits.subrequests can say, as on the Workers platform.
const maxSubrequests = 10_000_000

func (l *loader) decodeLimits() {
	object, ok := l.doc.object(l.get("limits"), "limits", limitKeys...)
	if !ok {
		return
	}
	if ms, ok := l.doc.integer(object.get("cpu_ms"), "limits.cpu_ms", "of milliseconds", 1, maxCPUMillis); ok {
		l.p.Limits.CPU = time.Duration(ms) * time.Millisecond
	}
	l.p.Limits.Subrequests, _ = l.doc.integer(object.get("subrequests"), "limits.subrequests", "of subrequests", 1, maxSubrequests)
}

func (l *loader) decodeRoutes() {
	d := l.doc
	var items []*node
	if n := l.get("route"); n != nil {
		items = append(items, n)
		if other := l.get("routes"); other != nil {
			d.errorAt(other, "", `"routes" and "route" cannot be used together`)
		}
	} else if items, _ = d.list(l.get("routes"), "routes", "patterns"); len(items) == 0 {
		return
	}
	for _, item := range items {
		var r Route
		at := item
		if item.kind == objectKind {
			object, _ := d.object(item, "routes", routeKeys...)
			if at = object.get("pattern"); at == nil {
				d.errorAt(item, "", `a route must have a "pattern"`)
				continue
			}
			r.CustomDomain, _ = d.boolean(object.get("custom_domain"), "routes.custom_domain")
		}
		pattern, ok := d.str(at, "routes", "a pattern such as \"example.com/*\" or an object with \"pattern\"")
		if !ok {
			continue
		}
		if r.CustomDomain && !strings.Contains(pattern, "/") {
			pattern += "/*"
		}
		if _, err := routing.ParsePattern(pattern); err != nil {
			d.errorAt(at, "", "route %q: %v", at.text, err)
			continue
		}
		r.Pattern = pattern
		l.p.Routes = append(l.p.Routes, r)
	}
	if !l.opts.Deploy && len(l.p.Routes) > 0 {
		key := "routes"
		if l.get("route") != nil {
			key = "route"
		}
		from := l.top
		if l.env != nil && l.env.get(key) != nil {
			from = l.env
		}
		d.warnKey(from.find(key), "", "%q is not served yet in development: every request reaches the worker", key)
	}
}

func (l *loader) decodeDev() {
	d := l.doc
	object, ok := d.object(l.get("dev"), "dev", devKeys...)
	if !ok {
		return
	}
	l.p.Dev.IP, _ = d.str(object.get("ip"), "dev.ip", "an address")
	l.p.Dev.Port, _ = d.integer(object.get("port"), "dev.port", "", 0, 65535)
	for _, key := range []string{"local_protocol", "upstream_protocol"} {
		n := object.get(key)
		if protocol, ok := d.oneOf(n, "dev."+key, "http", "https"); ok && protocol == "https" {
			d.warnAt(n, "", `"dev.%s" is not served yet: http is used`, key)
		}
	}
	for _, key := range []string{"host", "inspector_port", "inspector_ip"} {
		if m := object.find(key); m != nil {
			d.warnKey(m, "", `"dev.%s" is not served yet`, key)
		}
	}
}

func (l *loader) decodeBuild() {
	d := l.doc
	object, ok := d.object(l.get("build"), "build", buildKeys...)
	if !ok {
		return
	}
	if m := object.find("upload"); m != nil {
		d.warnKey(m, "name the entry file in main, and write rules at the top level", `"build.upload" is no longer a key of wrangler's configuration`)
	}
	b := &l.p.Build
	l.p.commandAt = object.get("command")
	b.Command, _ = d.str(l.p.commandAt, "build.command", "a command for the shell")
	if b.Command == "" {
		return
	}
	b.Dir = l.p.Dir
	if n := object.get("cwd"); n != nil {
		if text, ok := d.str(n, "build.cwd", "a path"); ok {
			b.Dir = l.existing(n, "build.cwd", text, true)
		}
	}
	watch := object.get("watch_dir")
	switch {
	case watch == nil:
		b.Watch = []string{filepath.Join(l.p.Dir, "src")}
	case watch.kind == listKind:
		texts, _ := d.strs(watch, "build.watch_dir")
		for _, text := range texts {
			b.Watch = append(b.Watch, l.absolute(text))
		}
	default:
		if text, ok := d.str(watch, "build.watch_dir", "a path or a list of paths"); ok {
			b.Watch = []string{l.absolute(text)}
		}
	}
}
