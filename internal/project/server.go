package project

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"skerry/internal/routing"
	"skerry/internal/worker"
)

// ServerConfig is skerry.toml: the configuration of "skerry serve". Zero fields were not given.
type ServerConfig struct {
	// File is the file it came from, absolute.
	File string
	// Listen is the address of the front door, host:port.
	Listen string
	// Admin is the address of health and metrics, host:port.
	Admin string
	// DataDir is absolute.
	DataDir string
	Host    HostConfig
	Egress  EgressConfig
	// Limits are the defaults of every worker, Ceilings what none may exceed, whatever its project or its entry here says.
	Limits   worker.Limits
	Ceilings worker.Limits
	Workers  []WorkerEntry
}

// HostConfig is the section [host]: the processes that run workers.
type HostConfig struct {
	// Hosts is the number of host processes.
	Hosts int
	// Executors is the number of threads per host that run JavaScript.
	Executors int
	// IsolatesMax is the number of isolates a host may hold.
	IsolatesMax int
	// MemoryBudgetMB is the memory in MiB that the isolates of a host may use before idle ones are evicted.
	MemoryBudgetMB int
	// MemoryMaxMB is the memory in MiB beyond which a host is ended, 0 if it is not given.
	MemoryMaxMB int
	// Spares is the number of isolates kept ready for workers that start. SparesSet tells 0 from not given.
	Spares    int
	SparesSet bool
}

// EgressConfig is the section [egress]: where workers may connect to. Given is false if there was no list: then the
// default of package egress applies.
type EgressConfig struct {
	Given bool
	// Public, Private and Loopback allow the classes of addresses of those names.
	Public, Private, Loopback bool
	// Prefixes are allowed besides.
	Prefixes []netip.Prefix
}

// WorkerEntry is one [[worker]].
type WorkerEntry struct {
	// Dir is the project's directory or configuration file, absolute.
	Dir string
	// Shown is Dir as diagnostics should name it: pass it to Load.
	Shown  string
	Env    string
	Routes []string
	// Origin takes the requests that the worker hands back (passThroughOnException). nil if there is none.
	Origin *url.URL
	// Cordon names the workers that this one may share a process with.
	Cordon string
	// Limits override those of the project and of the server, where they are not zero.
	Limits worker.Limits
}

// The keys of skerry.toml.
var (
	serverKeys       = []string{"listen", "admin", "data", "host", "egress", "limits", "worker"}
	hostKeys         = []string{"hosts", "executors", "isolates_max", "memory_budget_mb", "memory_max_mb", "spares"}
	egressKeys       = []string{"allow"}
	serverLimitKeys  = append([]string{"cpu_ms_max", "startup_ms_max", "memory_mb_max", "subrequests_max", "events_max"}, workerLimitKeys...)
	workerLimitKeys  = []string{"cpu_ms", "startup_ms", "memory_mb", "subrequests", "events"}
	workerKeys       = []string{"dir", "env", "routes", "origin", "limits", "cordon"}
	egressClassNames = []string{"public", "private", "loopback"}
)

// The ranges of numbers in skerry.toml.
const (
	maxHosts         = 256
	maxExecutors     = 256
	maxIsolates      = 4000 // memory mappings per process run out beyond this
	maxBudgetMB      = 4 << 20
	maxSpares        = 1000
	maxStartupMillis = 60_000
	minMemoryMB      = 8
	maxMemoryMB      = 4096
	maxWorkers       = 100_000
	maxEvents        = 1 << 16 // what a host process takes of all its workers
)

// LoadServer reads a server configuration in TOML. Diagnostics and error are as those of Load; the projects of the workers
// are not loaded. The configuration is nil if the file cannot be read or parsed.
func LoadServer(path string) (*ServerConfig, []Diagnostic, error) {
	var diags Diagnostics
	d, err := readDocument(path, &diags)
	if err != nil {
		return nil, nil, fmt.Errorf("load server configuration: %w", err)
	}
	if d.root == nil {
		return nil, diags, diags
	}
	c := new(ServerConfig)
	if c.File, err = filepath.Abs(path); err != nil {
		return nil, nil, fmt.Errorf("load server configuration: %w", err)
	}
	c.decode(d, filepath.Dir(path))
	diags.sort(d.file)
	if diags.HasErrors() {
		return c, diags, diags
	}
	return c, diags, nil
}

func (c *ServerConfig) decode(d *document, shownDir string) {
	for i := range d.root.members {
		if m := &d.root.members[i]; !slices.Contains(serverKeys, m.key) {
			hint := didYouMean(m.key, serverKeys)
			if hint == "" {
				hint = "known here: " + strings.Join(serverKeys, ", ")
			}
			d.warnKey(m, hint, "unknown key %q", m.key)
		}
	}
	c.Listen = d.address(d.root.get("listen"), "listen")
	c.Admin = d.address(d.root.get("admin"), "admin")
	dir := filepath.Dir(c.File)
	if data, ok := d.str(d.root.get("data"), "data", "a path"); ok {
		if c.DataDir = filepath.FromSlash(data); !filepath.IsAbs(c.DataDir) {
			c.DataDir = filepath.Join(dir, c.DataDir)
		}
	}
	c.decodeHost(d)
	c.decodeEgress(d)
	if object, ok := d.object(d.root.get("limits"), "limits", serverLimitKeys...); ok {
		c.Limits = d.limits(object, "limits", "")
		c.Ceilings = d.limits(object, "limits", "_max")
	}
	if c.Ceilings.Subrequests == 0 {
		c.Ceilings.Subrequests = worker.DefaultSubrequestsMax
	}

	items, _ := d.list(d.root.get("worker"), "worker", "tables, each one beginning with [[worker]]")
	if len(items) > maxWorkers {
		d.errorAt(items[maxWorkers], "", "there are %d workers, and %d are allowed in a file", len(items), maxWorkers)
		return
	}
	taken := make(map[routing.Pattern]string)
	for i, item := range items {
		c.decodeWorker(d, item, fmt.Sprintf("worker[%d]", i), dir, shownDir, taken)
	}
}

// address reads host:port. The host may be empty for all addresses.
func (d *document) address(n *node, name string) string {
	allowed := `an address such as "127.0.0.1:8080" or ":8080"`
	text, ok := d.str(n, name, allowed)
	if !ok {
		return ""
	}
	_, port, err := net.SplitHostPort(text)
	if number, atoi := strconv.Atoi(port); err != nil || atoi != nil || number < 0 || number > 65535 {
		d.errorAt(n, "", "%q must be %s, not %s", name, allowed, n.describe())
		return ""
	}
	return text
}

func (c *ServerConfig) decodeHost(d *document) {
	object, ok := d.object(d.root.get("host"), "host", hostKeys...)
	if !ok {
		return
	}
	h := &c.Host
	h.Hosts, _ = d.integer(object.get("hosts"), "host.hosts", "of processes", 1, maxHosts)
	h.Executors, _ = d.integer(object.get("executors"), "host.executors", "of threads", 1, maxExecutors)
	h.IsolatesMax, _ = d.integer(object.get("isolates_max"), "host.isolates_max", "", 1, maxIsolates)
	h.MemoryBudgetMB, _ = d.integer(object.get("memory_budget_mb"), "host.memory_budget_mb", "of MiB", 64, maxBudgetMB)
	h.MemoryMaxMB, _ = d.integer(object.get("memory_max_mb"), "host.memory_max_mb", "of MiB", 512, maxBudgetMB)
	h.Spares, h.SparesSet = d.integer(object.get("spares"), "host.spares", "", 0, maxSpares)
}

func (c *ServerConfig) decodeEgress(d *document) {
	object, ok := d.object(d.root.get("egress"), "egress", egressKeys...)
	if !ok {
		return
	}
	allowed := quoteList(egressClassNames) + ` or a prefix such as "10.1.0.0/16"`
	items, ok := d.list(object.get("allow"), "egress.allow", allowed)
	c.Egress.Given = ok
	for _, item := range items {
		text, ok := d.str(item, "egress.allow", allowed)
		if !ok {
			continue
		}
		switch text {
		case "public":
			c.Egress.Public = true
		case "private":
			c.Egress.Private = true
		case "loopback":
			c.Egress.Loopback = true
		default:
			prefix, err := netip.ParsePrefix(text)
			if address, one := netip.ParseAddr(text); err != nil && one == nil && address.Zone() == "" {
				prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
			}
			if err != nil {
				d.errorAt(item, didYouMean(text, egressClassNames), `"egress.allow" takes %s, not %s`, allowed, item.describe())
				continue
			}
			if prefix != prefix.Masked() {
				d.warnAt(item, "", "%s has bits beyond its length: %s is used", text, prefix.Masked())
			}
			c.Egress.Prefixes = append(c.Egress.Prefixes, prefix.Masked())
		}
	}
}

// limits reads the keys cpu_ms, startup_ms, memory_mb, subrequests and events of an object, each with a suffix.
func (d *document) limits(object *node, name, suffix string) (limits worker.Limits) {
	number := func(key, unit string, low, high int) int {
		key += suffix
		value, _ := d.integer(object.get(key), name+"."+key, unit, low, high)
		return value
	}
	limits.CPU = time.Duration(number("cpu_ms", "of milliseconds", 1, maxCPUMillis)) * time.Millisecond
	limits.Startup = time.Duration(number("startup_ms", "of milliseconds", 1, maxStartupMillis)) * time.Millisecond
	limits.MemoryMB = number("memory_mb", "of MiB", minMemoryMB, maxMemoryMB)
	limits.Subrequests = number("subrequests", "of subrequests", 1, maxSubrequests)
	limits.Events = number("events", "of events at once", 1, maxEvents)
	return limits
}

func (c *ServerConfig) decodeWorker(d *document, item *node, name, dir, shownDir string, taken map[routing.Pattern]string) {
	object, ok := d.object(item, name, workerKeys...)
	if !ok {
		return
	}
	var w WorkerEntry
	path, ok := d.str(object.get("dir"), name+".dir", "the path of a project")
	if !ok || path == "" {
		if object.get("dir") == nil || path == "" && ok {
			d.errorAt(item, `add dir = "path/of/the/project"`, "%q has no \"dir\"", name)
		}
		return
	}
	if w.Dir, w.Shown = filepath.FromSlash(path), filepath.FromSlash(path); !filepath.IsAbs(w.Dir) {
		w.Dir, w.Shown = filepath.Join(dir, w.Dir), filepath.Join(shownDir, w.Dir)
	}
	w.Env, _ = d.str(object.get("env"), name+".env", "the name of an environment")
	routes, nodes := d.strs(object.get("routes"), name+".routes")
	for i, route := range routes {
		pattern, err := routing.ParsePattern(route)
		if err != nil {
			d.errorAt(nodes[i], "", "route %q: %v", route, err)
			continue
		}
		if other, ok := taken[pattern]; ok {
			d.errorAt(nodes[i], "", "route %q leads to %s already", route, other)
			continue
		}
		taken[pattern] = path
		w.Routes = append(w.Routes, route)
	}
	if n := object.get("origin"); n != nil {
		if text, ok := d.str(n, name+".origin", "a URL"); ok {
			u, err := url.Parse(text)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
				d.errorAt(n, "", `"%s.origin" must be an http or https URL without user, query and fragment, not %s`, name, n.describe())
			} else {
				w.Origin = u
			}
		}
	}
	w.Cordon, _ = d.str(object.get("cordon"), name+".cordon", "the name of a cordon")
	if limits, ok := d.object(object.get("limits"), name+".limits", workerLimitKeys...); ok {
		w.Limits = d.limits(limits, name+".limits", "")
	}
	c.Workers = append(c.Workers, w)
}
