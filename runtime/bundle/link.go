package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// A symbol is something that a module exports. The module is its path below the root, such as "web/blob.ts".
type symbol struct{ module, name string }

func (s symbol) String() string { return s.module + ":" + s.name }

// A part is the core or a lazy group: modules that esbuild joins.
type part struct {
	group *group // nil: the core
	// wanted are the exports that other parts import.
	wanted map[symbol]bool
	// needed are the imports from other parts, by importing module as far as that is known.
	needed map[symbol]bool
	// inputs are the modules that went into it.
	inputs []string
	code   string
}

func (p *part) name() string {
	if p.group == nil {
		return "the core"
	}
	return "the group " + p.group.name
}

// A linker turns modules into parts and parts into the script.
type linker struct {
	root  string // directory of the runtime layer, absolute
	entry string // module below root
	core  *part
	lazy  []*part
	owner map[string]*part // of the modules that groups name
	pure  map[string]bool  // the modules of which every part that needs them has its own copy
}

// Paths of imports that stay in esbuild's output until this program replaces them.
const (
	coreScheme   = "skerry:core"  // all of the core, under the names of its variables
	moduleScheme = "skerry:core/" // + module: one module of the core, under the names of its exports
	lazyScheme   = "skerry:lazy/" // + group + "/" + module
)

// bundle returns the script made of the module at entry and everything it imports. root is the directory of the modules
// that the plan names.
func bundle(root, entry string, p plan) ([]byte, error) {
	l, err := newLinker(root, entry, p)
	if err != nil {
		return nil, err
	}
	if err := l.resolve(); err != nil {
		return nil, err
	}
	return l.script()
}

func newLinker(root, entry string, plan plan) (*linker, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(entry)
	if err != nil {
		return nil, err
	}
	main, err := filepath.Rel(absolute, path)
	if err != nil {
		return nil, err
	}
	l := &linker{root: absolute, entry: filepath.ToSlash(main), core: &part{wanted: map[symbol]bool{}}, owner: map[string]*part{}, pure: map[string]bool{}}
	for _, module := range plan.pure {
		l.pure[module] = true
	}
	for i := range plan.groups {
		p := &part{group: &plan.groups[i], wanted: map[symbol]bool{}}
		l.lazy = append(l.lazy, p)
		for _, module := range p.group.modules {
			if l.pure[module] {
				return nil, fmt.Errorf("%s is in %s and among the pure modules", module, p.name())
			}
			if other := l.owner[module]; other != nil {
				return nil, fmt.Errorf("%s is in %s and in %s", module, other.name(), p.name())
			}
			l.owner[module] = p
		}
	}
	return l, nil
}

func (l *linker) parts() []*part { return append([]*part{l.core}, l.lazy...) }

// resolve builds the parts until every one has the exports that the others import. A part is built anew when it has to
// export more, since what is exported decides what of a module is kept, and so what that imports itself.
func (l *linker) resolve() error {
	for module := range l.pure {
		if err := l.checkPure(module); err != nil {
			return err
		}
	}
	built := map[*part]int{}
	for changed := true; changed; {
		changed = false
		for _, p := range l.parts() {
			if n, done := built[p]; done && n == len(p.wanted) {
				continue
			}
			if p.group != nil && len(p.wanted) == 0 {
				continue
			}
			changed = true
			built[p] = len(p.wanted)
			if err := l.build(p, nil); err != nil {
				return err
			}
			for needed := range p.needed {
				from := l.owner[needed.module]
				if from == nil {
					from = l.core
				}
				from.wanted[needed] = true
			}
		}
	}
	return l.check()
}

// check refuses what would be a mistake in the list of groups.
func (l *linker) check() error {
	var faults []error
	inCore := map[string]bool{}
	coreAlone := &part{wanted: map[symbol]bool{}}
	if err := l.build(coreAlone, nil); err != nil {
		return err
	}
	for _, module := range coreAlone.inputs {
		inCore[module] = true
	}
	for _, module := range l.core.inputs {
		if !inCore[module] {
			faults = append(faults, fmt.Errorf("%s is imported by lazy groups only, but is in none; put it into one (runtime/bundle/groups.go)", module))
		}
	}
	for _, p := range l.lazy {
		for _, module := range p.group.modules {
			if !slices.Contains(p.inputs, module) {
				faults = append(faults, fmt.Errorf("%s has the module %s, which does not exist or is not used (runtime/bundle/groups.go)", p.name(), module))
			}
		}
		owner := map[string]symbol{}
		for _, wanted := range sorted(p.wanted) {
			if other, taken := owner[wanted.name]; taken {
				faults = append(faults, fmt.Errorf("%s and %s are both exported by %s; rename one of them", other, wanted, p.name()))
			}
			owner[wanted.name] = wanted
		}
		for _, idle := range p.group.idle {
			if _, wanted := owner[idle]; !wanted {
				faults = append(faults, fmt.Errorf("%s is idle in %s, but nobody imports it (runtime/bundle/groups.go)", idle, p.name()))
			}
		}
	}
	return errors.Join(faults...)
}

// stateful matches a declaration that is not the same thing when it exists twice.
var stateful = regexp.MustCompile(`(?m)^(?:export )?(?:let|var) |^export (?:abstract )?class `)

// checkPure refuses a module that must not be there twice: one that does something when it is evaluated, or has variables
// or classes for others.
func (l *linker) checkPure(module string) error {
	text, err := os.ReadFile(filepath.Join(l.root, filepath.FromSlash(module)))
	if err != nil {
		return err
	}
	p := &part{wanted: map[symbol]bool{}}
	if err := l.join(p, fmt.Sprintf("import %q;\n", "./"+module), nil); err != nil {
		return err
	}
	alone := strings.TrimSpace(p.code)
	if stateful.Match(text) || alone != "" && strings.Contains(alone, "// "+module) {
		return fmt.Errorf("%s cannot be copied: it has state or does something when it is evaluated (runtime/bundle/groups.go)", module)
	}
	return nil
}

// build joins the modules of a part. The imports from other parts are left in the code; see the schemes. local tells the
// names of the core's variables once they are known: then a group refers to them as they are.
func (l *linker) build(p *part, local map[symbol]string) error {
	var entry strings.Builder
	if p.group == nil {
		fmt.Fprintf(&entry, "import %q;\n", "./"+l.entry)
	}
	for _, wanted := range sorted(p.wanted) {
		fmt.Fprintf(&entry, "export { %s as %q } from %q;\n", wanted.name, wanted, "./"+wanted.module)
	}
	return l.join(p, entry.String(), local)
}

// join builds a part from the text of an entry module.
func (l *linker) join(p *part, entry string, local map[symbol]string) error {
	result := api.Build(api.BuildOptions{
		Stdin:         &api.StdinOptions{Contents: entry, ResolveDir: l.root, Sourcefile: "<" + p.name() + ">", Loader: api.LoaderJS},
		AbsWorkingDir: l.root,
		Plugins:       []api.Plugin{{Name: "parts", Setup: func(b api.PluginBuild) { l.plug(b, p, local) }}},
		Bundle:        true,
		Write:         false,
		Metafile:      true,
		Format:        api.FormatESModule,
		Platform:      api.PlatformNeutral,
		Target:        api.ESNext,
		Charset:       api.CharsetASCII,
		LegalComments: api.LegalCommentsNone,
		TreeShaking:   api.TreeShakingTrue,
		LogLevel:      api.LogLevelSilent,
		// Types are taken off and nothing else: no tsconfig setting may change what the code does.
		TsconfigRaw: `{"compilerOptions":{"useDefineForClassFields":true,"verbatimModuleSyntax":true}}`,
	})
	if err := problems(result.Errors); err != nil {
		return err
	}
	if n := len(result.OutputFiles); n != 1 {
		return fmt.Errorf("got %d output files, want 1", n)
	}
	p.code = string(result.OutputFiles[0].Contents)
	p.inputs = inputs(result.Metafile)
	p.needed = map[symbol]bool{}
	for _, statement := range importStatements(p.code) {
		if statement.names == nil {
			return fmt.Errorf("%s imports %s as a whole; import what is needed by name", p.name(), statement.from)
		}
		module, fromModule := strings.CutPrefix(statement.from, moduleScheme)
		if rest, lazy := strings.CutPrefix(statement.from, lazyScheme); lazy {
			_, module, fromModule = strings.Cut(rest, "/")
		}
		for _, name := range statement.names {
			if fromModule {
				p.needed[symbol{module, name.exported}] = true
			} else if name.exported != name.local {
				return fmt.Errorf("%s has a name %q of its own where it also needs the core's; rename one of them", p.name(), name.exported)
			}
		}
	}
	return nil
}

// lost is in the code of a group that uses something which the core does not give it: a mistake of this program.
const lost = "skerry:lost"

// exportsOf lists the names that a module exports.
func (l *linker) exportsOf(module string) ([]string, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(l.root, filepath.FromSlash(module))},
		Plugins: []api.Plugin{{Name: "alone", Setup: func(b api.PluginBuild) {
			b.OnResolve(api.OnResolveOptions{Filter: `^\.`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{Path: args.Path, External: true}, nil
			})
		}}},
		Bundle: true, Write: false, Metafile: true, Format: api.FormatESModule, Platform: api.PlatformNeutral, Target: api.ESNext, LogLevel: api.LogLevelSilent,
	})
	if err := problems(result.Errors); err != nil {
		return nil, err
	}
	var meta struct {
		Outputs map[string]struct{ Exports []string }
	}
	if err := json.Unmarshal([]byte(result.Metafile), &meta); err != nil {
		return nil, fmt.Errorf("read esbuild's account of %s: %w", module, err)
	}
	var names []string
	for _, output := range meta.Outputs {
		names = append(names, output.Exports...)
	}
	slices.Sort(names)
	return names, nil
}

// plug tells esbuild which modules belong to the part p.
func (l *linker) plug(b api.PluginBuild, p *part, local map[symbol]string) {
	b.OnResolve(api.OnResolveOptions{Filter: `^\.`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		path := filepath.Join(args.ResolveDir, filepath.FromSlash(args.Path))
		below, err := filepath.Rel(l.root, path)
		if err != nil {
			return api.OnResolveResult{}, err
		}
		module := filepath.ToSlash(below)
		owner := l.owner[module]
		switch {
		case l.pure[module]:
			return api.OnResolveResult{Path: path}, nil
		case owner != nil && owner != p:
			return api.OnResolveResult{Path: lazyScheme + owner.group.name + "/" + module, External: true, SideEffects: api.SideEffectsFalse}, nil
		case owner == p || p.group == nil:
			return api.OnResolveResult{Path: path}, nil
		case local == nil:
			return api.OnResolveResult{Path: moduleScheme + module, External: true, SideEffects: api.SideEffectsFalse}, nil
		default:
			return api.OnResolveResult{Path: module, Namespace: coreScheme, SideEffects: api.SideEffectsFalse}, nil
		}
	})
	b.OnResolve(api.OnResolveOptions{Filter: `^` + coreScheme + `$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
		return api.OnResolveResult{Path: coreScheme, External: true, SideEffects: api.SideEffectsFalse}, nil
	})
	// A module of the core, for a group: its exports by the names of the core's variables. Names that are imported but not
	// used must resolve to something as well.
	b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: coreScheme}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		names, err := l.exportsOf(args.Path)
		if err != nil {
			return api.OnLoadResult{}, err
		}
		var text strings.Builder
		for _, name := range names {
			if variable := local[symbol{args.Path, name}]; variable != "" {
				fmt.Fprintf(&text, "import { %s } from %q; export { %s as %s };\n", variable, coreScheme, variable, name)
			} else {
				fmt.Fprintf(&text, "export const %s = %q;\n", name, lost)
			}
		}
		contents := text.String()
		return api.OnLoadResult{Contents: &contents, ResolveDir: l.root, Loader: api.LoaderJS}, nil
	})
}

// script puts the parts together.
func (l *linker) script() ([]byte, error) {
	core, local, err := l.takeExports(l.core)
	if err != nil {
		return nil, err
	}
	if name, hidden := hidesBuiltIn(core); hidden {
		return nil, fmt.Errorf("the core has a variable %s, which hides the language's own from lazy groups; take the global from primordials", name)
	}
	var lazy strings.Builder
	for _, p := range l.lazy {
		if len(p.wanted) == 0 {
			continue
		}
		if err := l.build(p, local); err != nil {
			return nil, err
		}
		if strings.Contains(p.code, lost) {
			return nil, fmt.Errorf("%s uses something of the core's that was not there before", p.name())
		}
		code, exports, err := l.takeExports(p)
		if err != nil {
			return nil, err
		}
		if code, err = linkLazy(p, code+assignment(p, exports), l.lazy); err != nil {
			return nil, err
		}
		writeGroup(&lazy, p, code)
	}
	if core, err = linkLazy(l.core, core, l.lazy); err != nil {
		return nil, err
	}
	if lazy.Len() > 0 {
		core = "var built$ = false;\nfunction idle$() {\nreturn false;\n}\n" + lazy.String() + core + "built$ = true;\n"
	}
	code, err := restoreClassNames(core)
	if err != nil {
		return nil, err
	}
	return []byte("(function(__native){\n\"use strict\";\n" + code + "})\n"), nil
}

// writeGroup writes the function that evaluates a group. It refuses to run while the snapshot is made: what it made would
// be in every isolate, which is what the group is there to avoid.
func writeGroup(to *strings.Builder, p *part, code string) {
	name := p.group.name
	fmt.Fprintf(to, "var lazy$%s;\n", name)
	if len(p.group.idle) > 0 {
		fmt.Fprintf(to, "var idle$%s = {", name)
		for i, idle := range p.group.idle {
			if i > 0 {
				to.WriteString(", ")
			}
			to.WriteString(idle + ": idle$")
		}
		to.WriteString("};\n")
	}
	fmt.Fprintf(to, "function load$%s() {\nif (!built$) throw new Error(\"the lazy group %s is needed while the snapshot is made\");\n%sreturn lazy$%s;\n}\n", name, name, code, name)
}

// assignment is the last statement of a group: it hands its exports out.
func assignment(p *part, local map[symbol]string) string {
	var text strings.Builder
	text.WriteString("lazy$" + p.group.name + " = ")
	if len(p.group.idle) > 0 {
		text.WriteString("idle$" + p.group.name + " = ")
	}
	text.WriteString("{ ")
	for i, wanted := range sorted(p.wanted) {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(wanted.name + ": " + local[wanted])
	}
	text.WriteString(" };\n")
	return text.String()
}

var (
	exportClause = regexp.MustCompile(`(?m)^export \{([^}]*)\};\n`)
	exportItem   = regexp.MustCompile(`^([\w$]+) as "([^":]+):([\w$]+)"$`)
)

// takeExports takes the export clause out of a part's code, and a group's imports from the core, since the core's variables
// are in its scope. It returns the local name of each symbol that the part exports.
func (l *linker) takeExports(p *part) (string, map[symbol]string, error) {
	code := p.code
	imported := map[string]string{}
	for _, statement := range importStatements(code) {
		for _, name := range statement.names {
			imported[name.local] = statement.from
		}
		if statement.from == coreScheme {
			code = strings.Replace(code, statement.text, "", 1)
		}
	}
	local := map[symbol]string{}
	if clause := exportClause.FindStringSubmatch(code); clause != nil {
		code = strings.Replace(code, clause[0], "", 1)
		for item := range strings.SplitSeq(clause[1], ",") {
			match := exportItem.FindStringSubmatch(strings.TrimSpace(item))
			if match == nil {
				return "", nil, fmt.Errorf("%s: cannot read the export %q", p.name(), item)
			}
			if from, again := imported[match[1]]; again {
				return "", nil, fmt.Errorf("%s exports %s of %s; import it from there", match[2], match[3], from)
			}
			local[symbol{match[2], match[3]}] = match[1]
		}
	}
	for _, wanted := range sorted(p.wanted) {
		if local[wanted] == "" {
			return "", nil, fmt.Errorf("%s: the export %s is lost", p.name(), wanted)
		}
	}
	return code, local, nil
}

// An importStatement is one that esbuild has left.
type importStatement struct {
	text  string
	from  string
	names []importedName // nil if it is not a list of names
}

type importedName struct{ exported, local string }

var importPattern = regexp.MustCompile(`(?m)^import (?:(\{[^}]*\}|[^;"{}]*) from )?"(` + coreScheme + `|` + lazyScheme + `)([^"]*)";\n`)

func importStatements(code string) []importStatement {
	var all []importStatement
	for _, match := range importPattern.FindAllStringSubmatch(code, -1) {
		statement := importStatement{text: match[0], from: match[2] + match[3]}
		if match[1] == "" {
			statement.names = []importedName{} // Nothing is imported, but esbuild keeps that it was mentioned.
		} else if list, ok := strings.CutPrefix(match[1], "{"); ok {
			for item := range strings.SplitSeq(strings.TrimSuffix(list, "}"), ",") {
				exported, local, renamed := strings.Cut(strings.TrimSpace(item), " as ")
				if !renamed {
					local = exported
				}
				statement.names = append(statement.names, importedName{exported, local})
			}
		}
		all = append(all, statement)
	}
	return all
}

var (
	lazyVariable = regexp.MustCompile(`(?m)^var (import_\w+) = require\("` + lazyScheme + `([^/"]+)/([^"]+)"\);\n`)
	lazyUse      = regexp.MustCompile(`\b(import_\w+)\.([\w$]+)`)
	// What esbuild puts before the code of a CommonJS module ends so.
	preamble = "module.exports = __toCommonJS(stdin_exports);\n"
)

// linkLazy turns the imports from lazy groups into uses of the variables of those groups. That each use of an imported name
// becomes a property access is what esbuild does for CommonJS.
func linkLazy(p *part, code string, lazy []*part) (string, error) {
	if !strings.Contains(code, `"`+lazyScheme) {
		return code, nil
	}
	result := api.Transform(code+"export {};\n", api.TransformOptions{
		Format:        api.FormatCommonJS,
		Platform:      api.PlatformNeutral,
		Target:        api.ESNext,
		Charset:       api.CharsetASCII,
		LegalComments: api.LegalCommentsNone,
		TreeShaking:   api.TreeShakingFalse,
		LogLevel:      api.LogLevelSilent,
	})
	if err := problems(result.Errors); err != nil {
		return "", err
	}
	_, code, found := strings.Cut(string(result.Code), preamble)
	if !found {
		return "", fmt.Errorf("%s: esbuild's output has another beginning than expected", p.name())
	}
	type target struct {
		group  *group
		module string
	}
	targets := map[string]target{}
	for _, match := range lazyVariable.FindAllStringSubmatch(code, -1) {
		for _, other := range lazy {
			if other.group.name == match[2] {
				targets[match[1]] = target{other.group, match[3]}
			}
		}
	}
	code = lazyVariable.ReplaceAllLiteralString(code, "")
	for _, early := range earlyUse.FindAllStringSubmatch(code, -1) {
		if t, lazily := targets[early[2]]; lazily && (p.group == nil || early[1] == "instanceof") {
			return "", fmt.Errorf("%s uses %s with %s, but %s is in the lazy group %s; use a function of that module", p.name(), early[3], early[1], t.module, t.group.name)
		}
	}
	code = lazyUse.ReplaceAllStringFunc(code, func(use string) string {
		variable, name, _ := strings.Cut(use, ".")
		t, known := targets[variable]
		if !known {
			return use
		}
		if slices.Contains(t.group.idle, name) {
			return "idle$" + t.group.name + "." + name
		}
		return "(lazy$" + t.group.name + " ?? load$" + t.group.name + "())." + name
	})
	for variable, t := range targets {
		if strings.Contains(code, variable+".") || strings.Contains(code, variable+")") {
			return "", fmt.Errorf("%s uses %s in a way that cannot be linked", p.name(), t.module)
		}
	}
	return code, nil
}

// earlyUse matches uses of a class that would load its group where it need not be, or must not be.
var earlyUse = regexp.MustCompile(`\b(extends|instanceof) (import_\w+)\.(\w+)`)

func sorted(set map[symbol]bool) []symbol {
	return slices.SortedFunc(maps.Keys(set), func(a, b symbol) int {
		return strings.Compare(a.String(), b.String())
	})
}

// inputs lists the modules that esbuild read, by the metafile it wrote.
func inputs(metafile string) []string {
	var meta struct {
		Inputs map[string]json.RawMessage `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(meta.Inputs))
}

func problems(messages []api.Message) error {
	var all []error
	for _, message := range api.FormatMessages(messages, api.FormatMessagesOptions{Kind: api.ErrorMessage}) {
		all = append(all, errors.New(strings.TrimSpace(message)))
	}
	return errors.Join(all...)
}
