package project

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"skerry/internal/worker"
)

// MaxBundle is the largest size of all modules of a worker together, in bytes (worker size limit of the Workers platform).
const MaxBundle = 64 << 20

// maxModules is the largest number of modules of a worker: their index must fit the wire's u16.
const maxModules = 1 << 16

// Inputs is what a build depended on: what to watch for the next one. All paths are absolute.
type Inputs struct {
	// Files are the files that were read, and those that would have been had they existed.
	Files []string
	// Dirs are directories where a file that appears or goes may change the build; not their subdirectories.
	Dirs []string
	// Trees are directories where any change at any depth needs a new build, except in node_modules, .git, .wrangler and .skerry.
	Trees []string
	// Warnings did not stop the build.
	Warnings []Diagnostic
}

// Bundle makes the version of a project: once, as for a deployment. See Builder.Build for the results.
func Bundle(ctx context.Context, p *Project) (*worker.Version, *Inputs, error) {
	b := NewBuilder(p)
	defer b.Close()
	return b.Build(ctx)
}

// Builder builds a project again and again, keeping what has not changed. Its methods may be called from any goroutine;
// builds run one at a time.
type Builder struct {
	p     *Project
	rules ruleSet

	mu sync.Mutex
	// module and script bundle in the two formats. nil until needed.
	module, script *bundler
	closed         bool
}

// NewBuilder prepares building. Close it when it is no longer needed.
func NewBuilder(p *Project) *Builder {
	return &Builder{p: p, rules: parseRules(p.Rules)}
}

// Close frees what the Builder keeps. A build that is under way is waited for.
func (b *Builder) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, each := range []*bundler{b.module, b.script} {
		if each != nil {
			each.esbuild.Dispose()
		}
	}
	b.module, b.script = nil, nil
}

// Build makes a version of what is on disk now. If the sources are wrong the error is Diagnostics, warnings included. Inputs
// is never nil, so that a caller can wait for a better version. A cancelled ctx ends the build with its error.
func (b *Builder) Build(ctx context.Context) (*worker.Version, *Inputs, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.p
	in := &inputs{p: p, files: make(map[string]bool)}
	if b.closed {
		return nil, in.result(), fmt.Errorf("build: the builder is closed")
	}
	if err := p.runCommand(ctx, &in.diags); err != nil {
		return nil, in.result(), fmt.Errorf("build: %w", err)
	}
	if !in.diags.HasErrors() {
		p.checkMain(&in.diags)
	}
	in.add(p.Main)
	var modules []worker.Module
	if !in.diags.HasErrors() {
		var err error
		if p.NoBundle {
			modules, err = b.asIs(ctx, in)
		} else {
			modules, err = b.bundle(ctx, in)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, in.result(), fmt.Errorf("build: %w", err)
		}
		checkSize(modules, &in.diags)
	}
	if in.diags.HasErrors() {
		return nil, in.result(), in.diags
	}
	return p.version(modules), in.result(), nil
}

func checkSize(modules []worker.Module, diags *Diagnostics) {
	size := 0
	for _, m := range modules {
		size += len(m.Data)
	}
	if size > MaxBundle {
		*diags = append(*diags, Diagnostic{Message: fmt.Sprintf("the worker has %d bytes, and %d are allowed", size, MaxBundle)})
	}
	if len(modules) > maxModules {
		*diags = append(*diags, Diagnostic{Message: fmt.Sprintf("the worker has %d modules, and %d are allowed", len(modules), maxModules)})
	}
}

// version wraps modules, of which the first is the entry.
func (p *Project) version(modules []worker.Module) *worker.Version {
	v := &worker.Version{
		Name: p.Name, Modules: modules, Bindings: slices.Clone(p.Bindings),
		CompatDate: p.CompatDate, CompatFlags: p.Compat.Sent(), Limits: p.Limits,
	}
	// The id is a digest of everything, so the same sources have the same id.
	hash := sha256.New()
	part := func(data []byte) {
		hash.Write(strconv.AppendInt(nil, int64(len(data)), 10))
		hash.Write([]byte{':'})
		hash.Write(data)
	}
	for _, m := range modules {
		part([]byte(m.Name))
		part([]byte{byte(m.Type)})
		part(m.Data)
	}
	for _, bind := range v.Bindings {
		part([]byte(bind.Name))
		part([]byte{byte(bind.Kind)})
		part([]byte(bind.Text))
		part(bind.JSON)
	}
	part([]byte(v.Name))
	part([]byte(v.CompatDate))
	part([]byte(strings.Join(v.CompatFlags, "\n")))
	part(fmt.Append(nil, v.Limits))
	v.ID = hex.EncodeToString(hash.Sum(nil)[:8])
	return v
}

// inputs gathers what a build depends on.
type inputs struct {
	p     *Project
	diags Diagnostics
	mu    sync.Mutex
	files map[string]bool
}

func (in *inputs) add(file string) {
	if file == "" {
		return
	}
	in.mu.Lock()
	in.files[file] = true
	in.mu.Unlock()
}

func (in *inputs) result() *Inputs {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := in.p
	out := &Inputs{Trees: slices.Clone(p.Build.Watch)}
	dirs := map[string]bool{p.Dir: true}
	files := make(map[string]bool)
	for _, file := range p.ConfigFiles {
		files[file] = true
	}
	for _, name := range []string{"tsconfig.json", "package.json"} {
		files[filepath.Join(p.Dir, name)] = true
	}
	if p.Tsconfig != "" {
		files[p.Tsconfig] = true
	}
	// What build.command makes must not be watched: the build would follow upon itself.
	if p.Build.Command == "" {
		for file := range in.files {
			files[file] = true
			if dir := filepath.Dir(file); !strings.Contains(filepath.ToSlash(dir)+"/", "/node_modules/") {
				dirs[dir] = true
			}
		}
	}
	if p.FindAdditional && p.Build.Command == "" {
		out.Trees = append(out.Trees, p.BaseDir)
	}
	out.Files, out.Dirs = slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(dirs))
	for _, d := range in.diags {
		if d.Severity == Warning {
			out.Warnings = append(out.Warnings, d)
		}
	}
	return out
}

// bundler is an esbuild context for one output format.
type bundler struct {
	esbuild api.BuildContext
	format  api.Format
	p       *Project
	rules   ruleSet

	mu sync.Mutex
	// The results of the plugin during one build.
	in        *inputs
	modules   map[string]worker.Module
	additions map[string]worker.Module // by absolute path
}

// bundle builds with esbuild: as an ES module, and if it turns out to export nothing, as a script.
func (b *Builder) bundle(ctx context.Context, in *inputs) ([]worker.Module, error) {
	var additions map[string]worker.Module
	if b.p.FindAdditional {
		additions = b.findAdditional(in)
		if in.diags.HasErrors() {
			return nil, nil
		}
	}
	if b.module == nil {
		if b.module = newBundler(b.p, b.rules, api.FormatESModule, &in.diags); b.module == nil {
			return nil, nil
		}
	}
	result, modules := b.module.build(ctx, in, additions)
	if len(result.Errors) > 0 || ctx.Err() != nil {
		in.addMessages(result)
		return nil, ctx.Err()
	}
	exports, err := entryExports(result.Metafile)
	if err != nil {
		return nil, err
	}
	if len(exports) > 0 {
		in.addMessages(result)
		if !slices.Contains(exports, "default") {
			in.diags = append(in.diags, Diagnostic{
				File: b.p.show(b.p.Main), Severity: Warning, Message: "the entry module has no default export: it handles no events by itself",
				Hint: "add export default { fetch(request, env, ctx) { … } }",
			})
		}
		return modules, nil
	}
	if b.p.FindAdditional {
		in.diags = append(in.diags, Diagnostic{File: b.p.show(b.p.Main), Message: "find_additional_modules needs an ES module as entry, and this one exports nothing"})
		return nil, nil
	}
	if b.script == nil {
		if b.script = newBundler(b.p, b.rules, api.FormatIIFE, &in.diags); b.script == nil {
			return nil, nil
		}
	}
	result, modules = b.script.build(ctx, in, nil)
	in.addMessages(result)
	return modules, ctx.Err()
}

// entryExports reads the names that the entry exports out of esbuild's description of its output.
func entryExports(metafile string) ([]string, error) {
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string   `json:"entryPoint"`
			Exports    []string `json:"exports"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return nil, fmt.Errorf("read metafile: %w", err)
	}
	for name, output := range meta.Outputs {
		if output.EntryPoint != "" && strings.HasSuffix(name, ".js") {
			return output.Exports, nil
		}
	}
	return nil, nil
}

// conditions are those of package.json exports that apply to workers.
var conditions = []string{"workerd", "worker", "browser"}

// common are the options of every build.
func (p *Project) common() api.BuildOptions {
	return api.BuildOptions{
		EntryPoints:   []string{p.Main},
		AbsWorkingDir: p.Dir,
		LogLevel:      api.LogLevelSilent,
		Target:        api.ESNext,
		Supported:     map[string]bool{"import-source": true},
		Loader:        map[string]api.Loader{".js": api.LoaderJSX, ".mjs": api.LoaderJSX, ".cjs": api.LoaderJSX},
		Tsconfig:      p.Tsconfig,
		JSXFactory:    p.JSXFactory,
		JSXFragment:   p.JSXFragment,
		Metafile:      true,
		// Nothing is written: the directory only decides how sources are named in the map, relative to the project.
		Outdir:         p.Dir,
		AllowOverwrite: true,
	}
}

func newBundler(p *Project, rules ruleSet, format api.Format, diags *Diagnostics) *bundler {
	b := &bundler{format: format, p: p, rules: rules}
	mode := `"development"`
	if p.Production {
		mode = `"production"`
	}
	define := map[string]string{"process.env.NODE_ENV": mode, "global.process.env.NODE_ENV": mode, "globalThis.process.env.NODE_ENV": mode}
	maps.Copy(define, p.Define)

	options := p.common()
	options.Bundle = true
	options.Format = format
	options.Platform = api.PlatformBrowser
	options.Conditions = conditions
	options.MainFields = []string{"browser", "module", "main"}
	options.Define = define
	options.Sourcemap = api.SourceMapExternal
	options.EntryNames = entryName(p.Main)
	options.KeepNames = p.KeepNames
	options.MinifyWhitespace, options.MinifyIdentifiers, options.MinifySyntax = p.Minify, p.Minify, p.Minify
	options.Plugins = []api.Plugin{{Name: "skerry", Setup: b.plugin}}
	context, failed := api.Context(options)
	if failed != nil {
		for _, m := range failed.Errors {
			*diags = append(*diags, p.optionError(m))
		}
		return nil
	}
	b.esbuild = context
	return b
}

// entryName is the name of the entry module without its ending.
func entryName(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// optionError is a mistake in what the configuration passes on to esbuild: define, jsx_factory and the like.
func (p *Project) optionError(m api.Message) Diagnostic {
	d := Diagnostic{File: p.doc.file, Message: lowerFirst(m.Text)}
	for i := range p.defineMembers() {
		if m := &p.defineMembers()[i]; strings.Contains(d.Message, m.key) || strings.Contains(d.Message, m.value.text) {
			d = p.doc.place(m.value.from, m.value.to)
			d.Message = fmt.Sprintf("define.%s must be a JavaScript literal or a name, such as %q for a string, not %q", m.key, `"text"`, m.value.text)
			break
		}
	}
	return d
}

func (p *Project) defineMembers() []member {
	if p.defineAt == nil {
		return nil
	}
	return p.defineAt.members
}

// build runs esbuild once. Of the modules it returns the first is the bundle.
func (b *bundler) build(ctx context.Context, in *inputs, additions map[string]worker.Module) (api.BuildResult, []worker.Module) {
	b.in, b.modules, b.additions = in, make(map[string]worker.Module), additions
	stop := context.AfterFunc(ctx, b.esbuild.Cancel)
	result := b.esbuild.Rebuild()
	stop()
	if len(result.Errors) > 0 {
		return result, nil
	}
	main := worker.Module{Name: entryName(b.p.Main) + ".js"}
	if b.format == api.FormatIIFE {
		main.Type = worker.Script
	}
	for _, file := range result.OutputFiles {
		switch filepath.Base(file.Path) {
		case main.Name:
			main.Data = file.Contents
		case main.Name + ".map":
			main.SourceMap = file.Contents
		default:
			in.diags = append(in.diags, Diagnostic{
				Severity: Warning, Message: fmt.Sprintf("%s is not part of the worker: only JavaScript and the files that rules name are", filepath.Base(file.Path)),
			})
		}
	}
	modules := []worker.Module{main}
	for _, name := range slices.Sorted(maps.Keys(b.modules)) {
		modules = append(modules, b.modules[name])
	}
	for _, path := range slices.Sorted(maps.Keys(additions)) {
		if additions[path].Name == main.Name {
			in.diags = append(in.diags, Diagnostic{File: b.p.show(path), Message: fmt.Sprintf("this file and the bundle would both be module %q", main.Name), Hint: "rename one of them"})
		}
		modules = append(modules, additions[path])
	}
	return result, modules
}
