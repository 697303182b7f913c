package project

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"skerry/internal/worker"
)

// asIs takes the entry and the files that rules match as they are (no_bundle).
func (b *Builder) asIs(ctx context.Context, in *inputs) ([]worker.Module, error) {
	p := b.p
	if ext := strings.ToLower(filepath.Ext(p.Main)); ext != ".js" && ext != ".mjs" {
		in.diags = append(in.diags, Diagnostic{File: p.show(p.Main), Message: fmt.Sprintf("%s files cannot run without bundling", ext), Hint: "remove no_bundle, or name a .js file in main"})
		return nil, nil
	}
	data, err := os.ReadFile(p.Main)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(p.BaseDir, p.Main)
	if err != nil || !filepath.IsLocal(name) {
		in.diags = append(in.diags, Diagnostic{File: p.show(p.Main), Message: "the entry file is not inside base_dir"})
		return nil, nil
	}
	main := worker.Module{Name: filepath.ToSlash(name), Data: data, SourceMap: mapBeside(p.Main, data)}

	script, err := b.asIsScript(in)
	if err != nil || in.diags.HasErrors() {
		return nil, err
	}
	if script && !reExport.Match(data) {
		main.Type = worker.Script
		return []worker.Module{main}, nil
	}
	modules := []worker.Module{main}
	if p.FindAdditional {
		found := b.findAdditional(in)
		for _, path := range slices.Sorted(maps.Keys(found)) {
			modules = append(modules, found[path])
		}
	}
	return modules, ctx.Err()
}

// asIsScript says whether the entry is a script: it exports nothing. One pass of the parser finds mistakes early and tells. A file
// may be a script although it speaks of exports or module, as libraries do that run in scripts, too: as it is, nothing could
// give it a module object. And it may be sloppy code, which is no module.
func (b *Builder) asIsScript(in *inputs) (bool, error) {
	options := b.p.common()
	options.Format = api.FormatESModule
	result := api.Build(options)
	if len(result.Errors) > 0 {
		options.Format = api.FormatIIFE
		sloppy := api.Build(options)
		if format, err := entryFormat(sloppy.Metafile); len(sloppy.Errors) == 0 && format != "esm" {
			in.addMessages(sloppy)
			return true, err
		}
		in.addMessages(result)
		return false, nil
	}
	in.addMessages(result)
	exports, err := entryExports(result.Metafile)
	if err != nil {
		return false, err
	}
	format, err := entryFormat(result.Metafile)
	return format == "cjs" || len(exports) == 0, err
}

// entryFormat is what the parser takes the entry for: "esm", "cjs" or "" for a script.
func entryFormat(metafile string) (string, error) {
	var meta struct {
		Inputs map[string]struct {
			Format string `json:"format"`
		} `json:"inputs"`
		Outputs map[string]struct {
			EntryPoint string `json:"entryPoint"`
		} `json:"outputs"`
	}
	if metafile == "" {
		return "", nil
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return "", fmt.Errorf("read metafile: %w", err)
	}
	for _, output := range meta.Outputs {
		if output.EntryPoint != "" {
			return meta.Inputs[output.EntryPoint].Format, nil
		}
	}
	return "", nil
}

// reExport matches "export * from", whose names are not known without the other module.
var reExport = regexp.MustCompile(`(?m)^\s*export\s*\*`)

// skippedDirs are never searched for modules.
var skippedDirs = []string{"node_modules", ".git", ".wrangler", ".skerry"}

// findAdditional returns the files under the base directory that rules match, by absolute path. The entry, the
// configuration and directories of packages and tools are left out.
func (b *Builder) findAdditional(in *inputs) map[string]worker.Module {
	p := b.p
	found := make(map[string]worker.Module)
	size := 0
	err := filepath.WalkDir(p.BaseDir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if slices.Contains(skippedDirs, entry.Name()) && path != p.BaseDir {
				return filepath.SkipDir
			}
			return nil
		case path == p.Main || slices.Contains(p.ConfigFiles, path) || !entry.Type().IsRegular():
			return nil
		}
		relative, err := filepath.Rel(p.BaseDir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		rule := b.rules.fileRule(name)
		if rule == nil {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		in.add(path)
		m, err := moduleOf(rule, name, path, data)
		if err != nil {
			in.diags = append(in.diags, Diagnostic{File: p.show(path), Message: err.Error(), Hint: "leave it out of rules, so that it is bundled where it is imported"})
			return nil
		}
		found[path] = m
		if size += len(data); size > MaxBundle {
			return errTooLarge
		}
		return nil
	})
	if errors.Is(err, errTooLarge) {
		in.diags = append(in.diags, Diagnostic{File: p.show(p.BaseDir), Message: fmt.Sprintf("the files that rules match have more than the %d bytes allowed", MaxBundle)})
	} else if err != nil {
		in.diags = append(in.diags, Diagnostic{File: p.show(p.BaseDir), Message: fmt.Sprintf("cannot be searched for modules: %v", err)})
	}
	return found
}

var errTooLarge = errors.New("too large")

// moduleOf makes a module of a file as it is.
func moduleOf(rule *compiledRule, name, path string, data []byte) (worker.Module, error) {
	kind, ok := moduleTypes[rule.Type]
	if !ok {
		return worker.Module{}, fmt.Errorf("modules of type %s are not served yet unless they are bundled", rule.Type)
	}
	m := worker.Module{Name: name, Type: kind, Data: data}
	if kind == worker.ESModule {
		if ext := strings.ToLower(filepath.Ext(name)); slices.Contains([]string{".ts", ".mts", ".cts", ".tsx", ".jsx"}, ext) {
			return m, fmt.Errorf("%s files cannot run without bundling", ext)
		}
		m.SourceMap = mapBeside(path, data)
	}
	return m, nil
}

// mapComment is the comment that names the source map of a script (ECMA-426, section 11.1.2.1).
var mapComment = regexp.MustCompile(`(?m)^//[#@] sourceMappingURL=([^\s'"]+)\s*$`)

// mapBeside reads the source map that a script names, if it is a file beside it. nil if there is none.
func mapBeside(path string, data []byte) []byte {
	tail := data[max(0, len(data)-4096):]
	all := mapComment.FindAllSubmatch(tail, -1)
	if len(all) == 0 {
		return nil
	}
	name := string(all[len(all)-1][1])
	if strings.Contains(name, ":") || !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), filepath.FromSlash(name)))
	if err != nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil
	}
	return text
}
