# Builds, tests and measures Skerry. `make help` lists what there is.
# Written for GNU make 4.3 (Debian 12).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
# A recipe that fails half-way must not leave a file that looks finished.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# npm names processors its own way.
MACHINE := $(shell uname -m)
ARCH := $(patsubst x86_64,x64,$(patsubst aarch64,arm64,$(MACHINE)))
ifeq ($(filter x64 arm64,$(ARCH)),)
$(error Skerry builds on x86_64 and aarch64, not on $(MACHINE))
endif

# V8, its headers and the interpreter of the build all come from this one package, pinned in package-lock.json.
NODE_PACKAGE := node_modules/node-linux-$(ARCH)
NODE := $(NODE_PACKAGE)/bin/node

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
GO := go
CXX := g++
# As Node is built: no run-time types, no exceptions. -isystem: warnings are errors in our code, not in V8's headers.
CXXFLAGS := -std=c++20 -fno-rtti -fno-exceptions -fPIC -fvisibility=hidden -O2 -g1 -Wall -Wextra -Werror -pthread \
	-Ihost -isystem $(NODE_PACKAGE)/include/node

HOST_SOURCES := $(shell find host -name '*.cc' -not -path 'host/test/*' -not -path 'host/portable/*' 2>/dev/null | sort)
# Tables that a program of ours writes; see host/tables.
ENCODING_TABLES := build/gen/encoding_tables.cc
HOST_OBJECTS := $(HOST_SOURCES:%.cc=build/obj/%.o) build/obj/gen/encoding_tables.o
RUNTIME_TESTS = $(shell find runtime -name '*.test.ts' | sort)
# What a generator writes has its own layout.
CPP_FILES = $(shell git ls-files -co --exclude-standard -- '*.cc' '*.h' ':!*.gen.h')

# ---------------------------------------------------------------------------------------------------------------------
##@ Build

.PHONY: build
build: bin/skerry bin/host.js bin/runtime.snapshot ## Build bin/, which can be copied to another machine as a whole

.PHONY: demo
demo: build examples/hono/node_modules/.skerry ## Build, then serve the examples on http://127.0.0.1:8787
	@printf '%s\n' '' \
	'The examples are served on http://127.0.0.1:8787; Ctrl-C ends them. Try:' '' \
	'  curl http://hono.localhost:8787/users/7' \
	"  curl http://hono.localhost:8787/users -H 'content-type: application/json' -d '{\"name\":\"\",\"email\":\"x\"}'" \
	'  curl -N http://hono.localhost:8787/events' \
	"  curl http://hono.localhost:8787/upper -d 'through javascript'" \
	'  curl http://streaming.localhost:8787/generate | sha256sum' \
	'  curl http://plain.localhost:8787/env' '' \
	"(where *.localhost does not resolve, use: curl -H 'Host: plain.localhost' http://127.0.0.1:8787/env)" ''
	exec bin/skerry serve --config examples/skerry.toml --listen 127.0.0.1:8787

.PHONY: clean
clean: ## Remove what was built; installed packages stay
	rm -rf build bin

# The Go toolchain knows best what is out of date, so this always asks it; it writes nothing if nothing changed.
bin/skerry: FORCE | tools bin
	CGO_ENABLED=1 $(GO) build -trimpath -tags netgo -ldflags '-X main.version=$(VERSION)' -o $@ ./cmd/skerry

# cmp: an unchanged bundle must not cause a new snapshot. Go's test cache does the same for the tests of the bundler.
build/runtime.js: FORCE | tools
	@mkdir -p build
	$(GO) run ./runtime/bundle -out $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

build/obj/%.o: %.cc Makefile $(NODE) | tools
	@mkdir -p $(@D)
	@echo "c++ $<"
	@$(CXX) $(CXXFLAGS) -MMD -MP -c -o $@ $<

build/obj/gen/%.o: build/gen/%.cc Makefile $(NODE) | tools
	@mkdir -p $(@D)
	@echo "c++ $<"
	@$(CXX) $(CXXFLAGS) -MMD -MP -c -o $@ $<

$(ENCODING_TABLES): $(wildcard host/tables/*.go) go.mod | tools
	$(GO) run ./host/tables -out $@

# The addon leaves V8's symbols open: they are found in the node binary that loads it.
# Nor does it offer Node any but its entry (the version script): a host preloads it, so its names would come before those of libraries.
ADDON_FLAGS := -shared -pthread -Wl,-soname,skerry-host.node -Wl,--version-script,host/addon.map
# simdutf is in every Node binary, but not every one exports it: then ours is linked ($(call portable,node binary)).
# Not grep -q: that stops reading, nm fails of it, and with pipefail so does the pipeline.
PORTABLE := build/obj/host/portable/simdutf.o
portable = $$(nm -D --defined-only $(1) | grep _ZN7simdutf > /dev/null || echo $(PORTABLE))
bin/skerry-host.node: $(HOST_OBJECTS) $(PORTABLE) $(NODE) host/addon.map | bin
	@echo "link $@"
	@$(CXX) $(ADDON_FLAGS) -o $@.new $(HOST_OBJECTS) $(call portable,$(NODE))
	@mv $@.new $@ # A host that runs keeps the file that it has mapped.

# The same addon with hostile code in it, for the tests of the sandbox.
build/probe/skerry-host.node: $(HOST_OBJECTS) $(PORTABLE) build/obj/host/test/sandbox_probe.o host/addon.map
	@mkdir -p $(@D)
	@echo "link $@"
	@$(CXX) $(ADDON_FLAGS) -o $@.new $(HOST_OBJECTS) build/obj/host/test/sandbox_probe.o $(call portable,$(NODE))
	@mv $@.new $@

bin/node: $(NODE) | bin
	ln -f $< $@ 2>/dev/null || cp -f $< $@
	@touch $@

bin/host.js: host/host.js | bin
	cp -f $< $@

# Written beside and moved: a crash while the snapshot is made must not leave half of one.
bin/runtime.snapshot: build/runtime.js bin/skerry-host.node bin/host.js bin/node
	bin/node bin/host.js --build-snapshot build/runtime.js $@.new
	mv $@.new $@

bin:
	mkdir -p bin

.PHONY: FORCE
FORCE:

-include $(HOST_OBJECTS:.o=.d) $(PORTABLE:.o=.d)

# ---------------------------------------------------------------------------------------------------------------------
##@ Test

.PHONY: test
test: build check test-runtime test-host test-go ## Everything: formats, checkers, unit tests, end-to-end tests scaled down

.PHONY: check
check: fmt-check tsc vet ## Formats, types, vet, staticcheck

.PHONY: fmt-check
fmt-check: node_modules/.skerry
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard -- '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted; run 'make fmt':" $$unformatted; exit 1; fi
ifeq ($(ARCH),x64)
	@files="$(CPP_FILES)"; if [ -n "$$files" ]; then node_modules/.bin/clang-format --dry-run -Werror $$files; fi
else
	@echo "clang-format has no npm package for $(ARCH): C++ formatting is checked on x64 only"
endif

.PHONY: fmt
fmt: node_modules/.skerry ## Format Go and C++ files in place
	gofmt -w $$(git ls-files -co --exclude-standard -- '*.go')
	node_modules/.bin/clang-format -i $(CPP_FILES)

.PHONY: vet
vet: | tools
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: tsc
tsc: node_modules/.skerry examples/hono/node_modules/.skerry
	$(NODE) node_modules/typescript/bin/tsc -p runtime
	$(NODE) node_modules/typescript/bin/tsc -p examples/hono
	$(NODE) node_modules/typescript/bin/tsc -p examples/streaming

# Generated files are committed, so that a reader and a Go build need no generator. A test of the generator keeps them fresh.
.PHONY: generate
generate: | tools ## Write the generated files anew
	$(GO) generate ./...
	$(NODE) --no-warnings runtime/node/names.mjs

.PHONY: test-runtime
test-runtime: node_modules/.skerry build/host-test/leaf.node ## Unit tests of the TypeScript runtime layer
	@tests="$(RUNTIME_TESTS)"; if [ -n "$$tests" ]; then $(NODE) --test $$tests; fi

# The leaf operations of the host have a test addon of their own, which needs no snapshot.
build/host-test/leaf.node: FORCE $(NODE) $(ENCODING_TABLES)
	@$(MAKE) --no-print-directory -C host/test CXX=$(CXX) NODE=$(abspath $(NODE)) INCLUDE=$(abspath $(NODE_PACKAGE)/include/node) ../../$@

.PHONY: test-host
test-host: $(NODE) $(ENCODING_TABLES) ## Unit tests of the C++ host
	$(MAKE) -C host/test CXX=$(CXX) NODE=$(abspath $(NODE)) INCLUDE=$(abspath $(NODE_PACKAGE)/include/node)

.PHONY: test-go
test-go: build build/probe/skerry-host.node examples/hono/node_modules/.skerry frameworks-built ## Go tests with the race detector, end to end scaled down
	$(GO) test -race -short -timeout 10m $$($(GO) list ./... | grep -v -e /test/e2e -e /test/frameworks -e /test/hostile -e /test/upgrade)
	$(GO) test -race -short -count=1 -timeout 15m ./test/e2e/... ./test/hostile ./test/upgrade
	$(GO) test -race -count=1 -timeout 10m ./test/frameworks

# Projects of frameworks with a build of their own are built by the pinned Node: that of a Debian 12 is too old for them.
FRAMEWORKS := test/frameworks/built
FRAMEWORK_SOURCES = $(shell git ls-files -co --exclude-standard -- $(FRAMEWORKS))
FRAMEWORK_NODE = $(abspath $(NODE))

.PHONY: frameworks
frameworks: build frameworks-built ## Libraries and frameworks from npm, unmodified, over HTTP
	$(GO) test -count=1 -timeout 10m ./test/frameworks

.PHONY: frameworks-built
frameworks-built: test/frameworks/node_modules/.skerry $(FRAMEWORKS)/node_modules/.built

$(FRAMEWORKS)/node_modules/.built: $(FRAMEWORKS)/node_modules/.skerry $(FRAMEWORK_SOURCES) | $(NODE)
	cd $(FRAMEWORKS)/vue && $(FRAMEWORK_NODE) ../node_modules/vite/bin/vite.js build --logLevel warn
	cd $(FRAMEWORKS)/svelte && $(FRAMEWORK_NODE) ../node_modules/vite/bin/vite.js build --logLevel warn
	cd $(FRAMEWORKS)/react-router && $(FRAMEWORK_NODE) ../node_modules/@react-router/dev/bin.cjs build --logLevel warn
	cd $(FRAMEWORKS)/sveltekit && $(FRAMEWORK_NODE) ../node_modules/vite/bin/vite.js build --logLevel warn
	@touch $@

# -count=1: the cache of go test does not see that bin/ changed.
.PHONY: acceptance
acceptance: build build/probe/skerry-host.node examples/hono/node_modules/.skerry ## End-to-end tests at full size (minutes)
	$(GO) test -count=1 -timeout 60m -v ./test/e2e/...

# WPT_ONLY names tests or directories, WPT_FLAGS are flags of test/wpt. `make wpt-compare` runs the same tests on workerd, too.
.PHONY: wpt
wpt: build ## Web Platform Tests: WPT=<checkout>; WPT_ONLY='url fetch/api'; WPT_FLAGS='-failures skerry'
	@[ -n "$(WPT)" ] || { echo "name a checkout of the Web Platform Tests: make wpt WPT=<checkout>" >&2; exit 1; }
	@$(call need,python3,apt-get install python3) true
	@$(GO) build -o build/wpt ./test/wpt
	@build/wpt -checkout "$(WPT)" -only "$(WPT_ONLY)" $(WPT_FLAGS)

.PHONY: wpt-compare
wpt-compare: test/bench/node_modules/.skerry ## As wpt, and workerd in the same run
	@$(MAKE) wpt WPT_FLAGS="-workerd $$(echo test/bench/node_modules/@cloudflare/workerd-linux-*/bin/workerd) $(WPT_FLAGS)"

.PHONY: hostile
hostile: build build/probe/skerry-host.node ## Adversarial tests, all of them, with the table of what was seen
	$(GO) test -count=1 -v -timeout 60m ./test/hostile

# Upgrades from this release to one of another Node, and back. Both have the same V8 interface, so the objects are the same; what is made by
# V8 itself, the snapshot, is not.
UPGRADES := 50
UPGRADE_NODE := 26.9.0
UPGRADE_PACKAGE := build/upgrade/$(UPGRADE_NODE)/node_modules/node-linux-$(ARCH)
OTHER_RELEASE := build/upgrade/$(UPGRADE_NODE)/release

$(UPGRADE_PACKAGE)/bin/node: | tools
	@mkdir -p build/upgrade/$(UPGRADE_NODE)
	cd build/upgrade/$(UPGRADE_NODE) && echo '{"private": true}' > package.json && npm install --ignore-scripts --no-audit --no-fund node-linux-$(ARCH)@$(UPGRADE_NODE)
	@touch $@

$(OTHER_RELEASE)/runtime.snapshot: build bin/host.js $(UPGRADE_PACKAGE)/bin/node
	@mkdir -p $(@D)
	$(CXX) $(ADDON_FLAGS) -o $(@D)/skerry-host.node $(HOST_OBJECTS) $(call portable,$(UPGRADE_PACKAGE)/bin/node)
	ln -f $(UPGRADE_PACKAGE)/bin/node $(@D)/node
	cp -f bin/host.js bin/skerry $(@D)/
	$(@D)/node $(@D)/host.js --build-snapshot build/runtime.js $@

.PHONY: upgrade-test
upgrade-test: build $(OTHER_RELEASE)/runtime.snapshot ## 50 upgrades under load, between two releases of Node; UPGRADES=n
	SKERRY_UPGRADES=$(UPGRADES) SKERRY_UPGRADE_RELEASES=$(CURDIR)/bin:$(CURDIR)/$(OTHER_RELEASE) \
		$(GO) test -count=1 -v -timeout 60m -run TestUpgradesUnderLoad ./test/upgrade

# ---------------------------------------------------------------------------------------------------------------------
##@ Measure

.PHONY: bench
bench: build test/bench/node_modules/.skerry ## Cold start, latency, throughput, memory, streams, neighbours; BENCH_FLAGS='--quick'
	bin/skerry bench --workerd "$$(echo test/bench/node_modules/@cloudflare/workerd-linux-*/bin/workerd)" $(BENCH_FLAGS)

# ---------------------------------------------------------------------------------------------------------------------
##@ Tools

# $(call need,program,how to install it): a missing tool is named together with the command that brings it.
define need
command -v $(1) >/dev/null || { echo "missing: $(1); install it with: $(2)" >&2; exit 1; };
endef

.PHONY: tools
tools: ## Check that what the build needs is here and new enough
	@$(call need,$(CXX),apt-get install g++) \
	$(call need,npm,apt-get install nodejs npm) \
	$(call need,git,apt-get install git) \
	$(call need,$(GO),bash .ci/run --tools-only (Debian 12 has none that is new enough)) \
	gcc_major=$$($(CXX) -dumpversion | cut -d. -f1); \
	[ "$$gcc_major" -ge 12 ] || { echo "$(CXX) $$gcc_major is too old, 12 or newer is needed; install it with: apt-get install g++-12" >&2; exit 1; }; \
	go_version=$$($(GO) env GOVERSION); go_version=$${go_version#go}; go_version=$${go_version%%[ -]*}; \
	[ "$$(printf '%s\n' 1.26 "$$go_version" | sort -V | head -n 1)" = 1.26 ] || { \
		echo "go $$go_version is too old, 1.26 or newer is needed; install it with: bash .ci/run --tools-only" >&2; exit 1; }

# A stamp inside node_modules goes when node_modules goes. `npm ci` installs exactly what the lock file says.
node_modules/.skerry: package.json package-lock.json | tools
	npm ci --no-audit --no-fund
	@touch $@

$(NODE): node_modules/.skerry
	@test -x $@ || { echo "npm did not install $(NODE_PACKAGE); optional dependencies must not be left out (npm ci --include=optional)" >&2; exit 1; }
	@touch -c $@

examples/%/node_modules/.skerry: examples/%/package.json examples/%/package-lock.json | tools
	cd examples/$* && npm ci --no-audit --no-fund
	@touch $@

# No script of the package is run: its binary is used where npm puts it.
test/bench/node_modules/.skerry: test/bench/package.json test/bench/package-lock.json | tools
	cd test/bench && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test/frameworks/node_modules/.skerry: test/frameworks/package.json test/frameworks/package-lock.json | tools
	cd test/frameworks && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(FRAMEWORKS)/node_modules/.skerry: $(FRAMEWORKS)/package.json $(FRAMEWORKS)/package-lock.json | tools
	cd $(FRAMEWORKS) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
