package project

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"skerry/internal/worker"
)

// moduleTypes maps the types of rules to those of modules. CommonJS has none: see Builder.moduleOf.
var moduleTypes = map[string]worker.ModuleType{
	"ESModule": worker.ESModule, "Text": worker.Text, "Data": worker.Data, "CompiledWasm": worker.Wasm,
}

// nodeModules are the modules of Node.js that may be written without "node:" under nodejs_compat.
var nodeModules = strings.Fields(`_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_duplex
	_stream_passthrough _stream_readable _stream_transform _stream_wrap _stream_writable _tls_common _tls_wrap assert async_hooks
	buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs http http2 https inspector
	module net os path perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls trace_events tty
	url util v8 vm wasi worker_threads zlib`)

// The namespaces of modules that exist only in the bundle.
const (
	// requireNamespace holds modules that make an external module available to require().
	requireNamespace = "skerry-require"
	// inlineNamespace holds files that a script, which cannot import, carries within itself.
	inlineNamespace = "skerry-inline"
)

// seen marks resolutions that the plugin itself has asked for.
type seen struct{}

// inlined is a file of inlineNamespace.
type inlined struct {
	kind worker.ModuleType
	data []byte
}

// platformPrefix matches modules that the runtime provides.
var platformPrefix = regexp.MustCompile(`^(cloudflare|node|workerd):`)

// plugin is what a Workers bundle needs beyond esbuild: aliases, modules of the platform, and files that become modules.
func (b *bundler) plugin(build api.PluginBuild) {
	p := b.p
	if len(p.Alias) > 0 {
		var names []string
		for name := range p.Alias {
			names = append(names, regexp.QuoteMeta(name))
		}
		slices.Sort(names)
		build.OnResolve(api.OnResolveOptions{Filter: "^(" + strings.Join(names, "|") + ")$"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if _, ok := args.PluginData.(seen); ok {
				return api.OnResolveResult{}, nil
			}
			target := p.Alias[args.Path]
			result := build.Resolve(target, api.ResolveOptions{Importer: args.Importer, ResolveDir: p.Dir, Kind: args.Kind, PluginData: aliased{}})
			if len(result.Errors) > 0 {
				return api.OnResolveResult{Errors: []api.Message{{Text: fmt.Sprintf("alias %q leads to %q, which cannot be resolved", args.Path, target)}}}, nil
			}
			return api.OnResolveResult{Path: result.Path, External: result.External, Namespace: result.Namespace, Suffix: result.Suffix, PluginData: result.PluginData}, nil
		})
	}

	build.OnResolve(api.OnResolveOptions{Filter: platformPrefix.String()}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		return b.platformModule(args, args.Path), nil
	})
	build.OnResolve(api.OnResolveOptions{Filter: "^(" + strings.Join(nodeModules, "|") + ")(/.*)?$"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if !p.Compat.Has("nodejs_compat_v2") {
			return api.OnResolveResult{}, nil
		}
		// A trailing slash asks for the package of that name.
		if strings.HasSuffix(args.Path, "/") {
			return api.OnResolveResult{}, nil
		}
		return b.platformModule(args, "node:"+args.Path), nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: requireNamespace}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		contents := fmt.Sprintf("import * as all from %q;\nmodule.exports = \"default\" in all ? all.default : all;\n", args.Path)
		return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, nil
	})
	build.OnResolve(api.OnResolveOptions{Filter: ".*", Namespace: requireNamespace}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		return api.OnResolveResult{Path: args.Path, External: true}, nil
	})

	if filter := b.rules.filter(); filter != "" {
		build.OnResolve(api.OnResolveOptions{Filter: filter}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			return b.fileModule(build, args)
		})
	}
	if p.FindAdditional {
		build.OnResolve(api.OnResolveOptions{Filter: `^\.{1,2}/`}, b.additionalModule)
	}
	build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: inlineNamespace}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		file := args.PluginData.(inlined)
		if file.kind == worker.Text {
			text := string(file.data)
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderText}, nil
		}
		code := fmt.Sprintf("export default Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)).buffer;", base64.StdEncoding.EncodeToString(file.data))
		return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS}, nil
	})
	// Takes note of each file that is read, even if the build fails; esbuild goes on to load it.
	build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		b.in.add(args.Path)
		return api.OnLoadResult{}, nil
	})
}

// aliased marks the target of an alias, which is not itself looked up among the aliases.
type aliased = seen

// platformModule leaves a module to the runtime.
func (b *bundler) platformModule(args api.OnResolveArgs, name string) api.OnResolveResult {
	if b.format != api.FormatESModule {
		return api.OnResolveResult{Errors: []api.Message{{
			Text:  fmt.Sprintf("%q cannot be imported: the entry file exports nothing, so the worker is a script in service-worker syntax", args.Path),
			Notes: []api.Note{{Text: "use export default { fetch(request, env, ctx) { … } } in the entry file"}},
		}}}
	}
	result := api.OnResolveResult{Path: name, External: true}
	if strings.HasPrefix(name, "node:") && !b.p.Compat.Has("nodejs_compat") && !(b.p.Compat.Has("nodejs_als") && name == "node:async_hooks") {
		result.Warnings = []api.Message{{Text: fmt.Sprintf("%q is not available without the compatibility flag nodejs_compat", name)}}
	}
	if args.Kind == api.ResolveJSRequireCall {
		result.External, result.Namespace = false, requireNamespace
	}
	return result
}

// fileModule turns an import that a rule is about into a module of its own, named by its content as wrangler does.
func (b *bundler) fileModule(build api.PluginBuild, args api.OnResolveArgs) (api.OnResolveResult, error) {
	none := api.OnResolveResult{}
	if _, ok := args.PluginData.(seen); ok || args.Kind == api.ResolveEntryPoint {
		return none, nil
	}
	rule, removed := b.rules.specifierRule(args.Path)
	if rule == nil || rule.Type == "ESModule" || rule.Type == "CommonJS" {
		return none, nil // bundled, as any JavaScript
	}
	if removed {
		return api.OnResolveResult{Errors: []api.Message{{
			Text:  fmt.Sprintf("%q matches a rule for type %s that an earlier rule of that type has put out of use", args.Path, rule.Type),
			Notes: []api.Note{{Text: `add "fallthrough": true to the earlier rule`}},
		}}}, nil
	}
	specifier, _, _ := strings.Cut(args.Path, "?")
	file := filepath.Join(args.ResolveDir, filepath.FromSlash(specifier))
	resolved := build.Resolve(specifier, api.ResolveOptions{Importer: args.Importer, ResolveDir: args.ResolveDir, Kind: args.Kind, PluginData: seen{}})
	if len(resolved.Errors) == 0 && !resolved.External && resolved.Path != "" {
		file = resolved.Path
	}
	b.in.add(file)
	data, err := os.ReadFile(file)
	if err != nil {
		return api.OnResolveResult{Errors: []api.Message{{Text: fmt.Sprintf("Could not resolve %q", args.Path)}}}, nil
	}
	kind := moduleTypes[rule.Type]
	if b.format != api.FormatESModule {
		if kind == worker.Wasm {
			return api.OnResolveResult{Errors: []api.Message{{
				Text:  "WebAssembly cannot be imported: the entry file exports nothing, so the worker is a script in service-worker syntax",
				Notes: []api.Note{{Text: "use export default { fetch(request, env, ctx) { … } } in the entry file"}},
			}}}, nil
		}
		// The path becomes part of the output: one that does not tell where the project is.
		path, err := filepath.Rel(b.p.Dir, file)
		if err != nil {
			path = filepath.Base(file)
		}
		return api.OnResolveResult{Path: filepath.ToSlash(path), Namespace: inlineNamespace, PluginData: inlined{kind, data}}, nil
	}
	digest := sha1.Sum(data) // as wrangler: a name, not a proof
	name := hex.EncodeToString(digest[:]) + "-" + filepath.Base(file)
	b.mu.Lock()
	b.modules[name] = worker.Module{Name: name, Type: kind, Data: data}
	b.mu.Unlock()
	return external(args.Kind, "./"+name), nil
}

// external is a module beside the bundle.
func external(kind api.ResolveKind, path string) api.OnResolveResult {
	if kind == api.ResolveJSRequireCall {
		return api.OnResolveResult{Path: path, Namespace: requireNamespace}
	}
	return api.OnResolveResult{Path: path, External: true}
}

// additionalModule leaves imports of files that find_additional_modules has found outside the bundle.
func (b *bundler) additionalModule(args api.OnResolveArgs) (api.OnResolveResult, error) {
	specifier, _, _ := strings.Cut(args.Path, "?")
	if m, ok := b.additions[filepath.Join(args.ResolveDir, filepath.FromSlash(specifier))]; ok && args.Kind != api.ResolveEntryPoint {
		return external(args.Kind, "./"+m.Name), nil
	}
	return api.OnResolveResult{}, nil
}
