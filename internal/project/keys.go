package project

// scope says where a key of wrangler's configuration may stand and what a named environment does with it.
type scope uint8

const (
	// inherited keys are taken from the top level where the environment has none of its own.
	inherited scope = iota
	// perEnvironment keys are never inherited: an environment without them has none.
	perEnvironment
	// topLevel keys belong to the file as a whole.
	topLevel
)

// service says what Skerry does with a key.
type service uint8

const (
	// served keys do what they do in wrangler.
	served service = iota
	// noEffect keys are about Cloudflare's service or about wrangler itself: there is nothing to do for them.
	noEffect
	// notServed keys would change what the worker can do, and Skerry does not have that yet.
	notServed
)

type keyInfo struct {
	scope   scope
	service service
	// what is missing, for notServed keys. "" for bindings: using them throws.
	what string
}

// knownKeys are the keys of wrangler's configuration file with their scope, as its configuration reference lists them.
var knownKeys = map[string]keyInfo{
	"name":                    {scope: inherited},
	"main":                    {scope: inherited},
	"compatibility_date":      {scope: inherited},
	"compatibility_flags":     {scope: inherited},
	"rules":                   {scope: inherited},
	"no_bundle":               {scope: inherited},
	"minify":                  {scope: inherited},
	"keep_names":              {scope: inherited},
	"base_dir":                {scope: inherited},
	"find_additional_modules": {scope: inherited},
	"jsx_factory":             {scope: inherited},
	"jsx_fragment":            {scope: inherited},
	"tsconfig":                {scope: inherited},
	"limits":                  {scope: inherited},
	"build":                   {scope: inherited},
	"route":                   {scope: inherited},
	"routes":                  {scope: inherited},
	"vars":                    {scope: perEnvironment},
	"define":                  {scope: perEnvironment},
	"secrets":                 {scope: perEnvironment},
	"alias":                   {scope: topLevel},
	"dev":                     {scope: topLevel},
	"env":                     {scope: topLevel},

	"$schema":                      {scope: topLevel, service: noEffect},
	"send_metrics":                 {scope: topLevel, service: noEffect},
	"keep_vars":                    {scope: topLevel, service: noEffect},
	"dependencies_instrumentation": {scope: topLevel, service: noEffect},
	"account_id":                   {scope: inherited, service: noEffect},
	"workers_dev":                  {scope: inherited, service: noEffect},
	"preview_urls":                 {scope: inherited, service: noEffect},
	"previews":                     {scope: inherited, service: noEffect},
	"upload_source_maps":           {scope: inherited, service: noEffect},
	"compliance_region":            {scope: inherited, service: noEffect},
	"first_party_worker":           {scope: inherited, service: noEffect},
	"placement":                    {scope: inherited, service: noEffect},
	"observability":                {scope: inherited, service: noEffect},
	"logpush":                      {scope: inherited, service: noEffect},
	"cloudchamber":                 {scope: perEnvironment, service: noEffect},
	"python_modules":               {scope: inherited, service: noEffect},

	"addresses":              {scope: topLevel, service: notServed, what: "no e-mail arrives"},
	"pages_build_output_dir": {scope: topLevel, service: notServed, what: "Pages projects do not run"},
	"site":                   {scope: topLevel, service: notServed, what: "no static files are served"},
	"wasm_modules":           {scope: topLevel, service: notServed, what: "its globals do not exist: import the .wasm file in an ES module worker"},
	"text_blobs":             {scope: topLevel, service: notServed, what: "its globals do not exist: import the text file"},
	"data_blobs":             {scope: topLevel, service: notServed, what: "its globals do not exist: import the file"},

	"triggers":            {scope: inherited, service: notServed, what: "scheduled() is not called"},
	"migrations":          {scope: inherited, service: notServed, what: "no Durable Object class is set up"},
	"exports":             {scope: inherited, service: notServed, what: "no Durable Object class is set up"},
	"assets":              {scope: inherited, service: notServed, what: "no static files are served"},
	"access":              {scope: inherited, service: notServed, what: "requests are not authenticated"},
	"cache":               {scope: inherited, service: notServed, what: "responses are not cached in front of the worker"},
	"logfwdr":             {scope: inherited, service: notServed},
	"preserve_file_names": {scope: inherited, service: notServed, what: "imported files get names with a hash"},

	"durable_objects":           {scope: perEnvironment, service: notServed},
	"kv_namespaces":             {scope: perEnvironment, service: notServed},
	"r2_buckets":                {scope: perEnvironment, service: notServed},
	"d1_databases":              {scope: perEnvironment, service: notServed},
	"queues":                    {scope: perEnvironment, service: notServed},
	"services":                  {scope: perEnvironment, service: notServed},
	"workflows":                 {scope: perEnvironment, service: notServed},
	"containers":                {scope: perEnvironment, service: notServed},
	"send_email":                {scope: perEnvironment, service: notServed},
	"connect":                   {scope: perEnvironment, service: notServed},
	"vectorize":                 {scope: perEnvironment, service: notServed},
	"ai_search_namespaces":      {scope: perEnvironment, service: notServed},
	"ai_search":                 {scope: perEnvironment, service: notServed},
	"agent_memory":              {scope: perEnvironment, service: notServed},
	"websearch":                 {scope: perEnvironment, service: notServed},
	"hyperdrive":                {scope: perEnvironment, service: notServed},
	"analytics_engine_datasets": {scope: perEnvironment, service: notServed},
	"browser":                   {scope: perEnvironment, service: notServed},
	"ai":                        {scope: perEnvironment, service: notServed},
	"images":                    {scope: perEnvironment, service: notServed},
	"media":                     {scope: perEnvironment, service: notServed},
	"stream":                    {scope: perEnvironment, service: notServed},
	"version_metadata":          {scope: perEnvironment, service: notServed},
	"unsafe":                    {scope: perEnvironment, service: notServed},
	"mtls_certificates":         {scope: perEnvironment, service: notServed},
	"tail_consumers":            {scope: perEnvironment, service: notServed},
	"streaming_tail_consumers":  {scope: perEnvironment, service: notServed},
	"dispatch_namespaces":       {scope: perEnvironment, service: notServed},
	"pipelines":                 {scope: perEnvironment, service: notServed},
	"secrets_store_secrets":     {scope: perEnvironment, service: notServed},
	"artifacts":                 {scope: perEnvironment, service: notServed},
	"unsafe_hello_world":        {scope: perEnvironment, service: notServed},
	"flagship":                  {scope: perEnvironment, service: notServed},
	"ratelimits":                {scope: perEnvironment, service: notServed},
	"worker_loaders":            {scope: perEnvironment, service: notServed},
	"vpc_services":              {scope: perEnvironment, service: notServed},
	"vpc_networks":              {scope: perEnvironment, service: notServed},
}

// removedKeys were known to older versions of wrangler.
var removedKeys = map[string]string{
	"legacy_env":            "remove it: every environment is a worker of its own",
	"node_compat":           `write "nodejs_compat" into compatibility_flags instead`,
	"type":                  "remove it, and name the entry file in main",
	"webpack_config":        "remove it: the code is bundled by esbuild, or by build.command",
	"zone_id":               `remove it, and write routes with { "pattern": …, "zone_id": … }`,
	"usage_model":           "remove it: it has no effect any more",
	"experimental_services": `use "services"`,
}

// The keys of objects inside.
var (
	devKeys    = []string{"ip", "port", "inspector_port", "inspector_ip", "local_protocol", "upstream_protocol", "host", "enable_containers", "container_engine", "generate_types"}
	buildKeys  = []string{"command", "cwd", "watch_dir", "upload"}
	ruleKeys   = []string{"type", "globs", "fallthrough"}
	limitKeys  = []string{"cpu_ms", "subrequests"}
	routeKeys  = []string{"pattern", "zone_id", "zone_name", "custom_domain", "enabled", "previews_enabled"}
	secretKeys = []string{"required"}
)
