package limits

import (
	"bytes"
	"go/constant"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// Goal: the page is what the table says.
func TestPageIsFresh(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, Markdown()) {
		t.Error("docs/limits.md is not what internal/limits says: run make generate")
	}
}

// Goal: every value is that of the constant that is named. Method: the constants are read in their source files.
func TestValuesAreThoseOfTheSources(t *testing.T) {
	sources := make(map[string]string)
	seen := make(map[string]bool)
	for _, group := range Table() {
		for _, row := range group.Rows {
			file, name, ok := strings.Cut(row.Defined, ":")
			if !ok || row.Name == "" {
				t.Errorf("%+v is not complete", row)
				continue
			}
			if strings.ContainsAny(row.Name+row.Offender+row.Set+row.Original, "|\n") {
				t.Errorf("%s: no bars and line ends, it is a cell of a table", row.Name)
			}
			if seen[row.Defined] {
				t.Errorf("%s is in the table twice", row.Defined)
			}
			seen[row.Defined] = true
			if sources[file] == "" {
				text, err := os.ReadFile(filepath.Join(root, file))
				if err != nil {
					t.Error(err)
					continue
				}
				sources[file] = string(text)
			}
			if value, found := valueOf(sources[file], name); !found || value != row.Value.Number {
				t.Errorf("%s: %s is %d (found: %v), the table says %d", row.Name, row.Defined, value, found, row.Value.Number)
			}
		}
	}
}

// Goal: a new limit gets its row. Method: what is named like a limit is in the table, or said here to be none that a user could meet.
func TestEveryLimitHasItsRow(t *testing.T) {
	in := make(map[string]bool)
	for _, group := range Table() {
		for _, row := range group.Rows {
			in[row.Defined] = true
		}
	}
	used := make(map[string]bool)
	check := func(file string, pattern *regexp.Regexp) {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range pattern.FindAllStringSubmatch(string(text), -1) {
			key := file + ":" + found[1]
			used[key] = true
			if in[key] == (inner[key] != "") {
				t.Errorf("%s: a limit has a row in internal/limits, or a reason in this test why it is none of the platform's", key)
			}
		}
	}
	for _, file := range []string{"internal/ingress/limits.go", "internal/egress/client.go", "internal/worker/worker.go", "internal/bindings/bindings.go"} {
		check(file, regexp.MustCompile(`(?m)^(?:const )?\s*(Default\w+)\s*=`))
	}
	for _, file := range []string{"internal/isolates/config.go", "internal/isolates/placement.go", "internal/observe/quota.go", "internal/project/project.go", "internal/project/server.go", "internal/project/bundle.go", "internal/project/vars.go"} {
		check(file, regexp.MustCompile(`(?m)^(?:const )?\s*(\w+Max|[mM]ax[A-Z]\w*)\s*=`))
	}
	messages, err := os.ReadFile(filepath.Join(root, "protocol/messages.json"))
	if err != nil {
		t.Fatal(err)
	}
	block, _, _ := strings.Cut(string(messages), "}")
	for _, found := range regexp.MustCompile(`"(\w+)": \d+,?\n`).FindAllStringSubmatch(block, -1) {
		if found[1] != "protocol" && !in["protocol/messages.json:"+found[1]] {
			t.Errorf("%s of protocol/messages.json has no row", found[1])
		}
	}
	cpp := regexp.MustCompile(`(?m)^\s*(?:inline |static )*constexpr [\w:]+ (k\w*Max)\s*=`)
	ts := regexp.MustCompile(`(?m)^(?:export )?const (\w*Max)(?:: number)? =`)
	for _, dir := range []string{"host", "runtime"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				if err == nil && (entry.Name() == "test" || entry.Name() == "node_modules") {
					return fs.SkipDir
				}
				return err
			}
			file := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
			switch {
			case strings.Contains(file, ".gen.") || strings.HasSuffix(file, ".test.ts"):
			case strings.HasSuffix(file, ".ts"):
				check(file, ts)
			case strings.HasSuffix(file, ".cc") || strings.HasSuffix(file, ".h"):
				check(file, cpp)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range inner {
		if !used[key] {
			t.Errorf("%s is not there any more; take it out of this test", key)
		}
	}
}

// inner are sizes of the implementation, which nobody can go beyond or notice.
var inner = map[string]string{
	"host/html/rewriter.cc:kProgramMax":                     "more than kSelectorTextMax can make",
	"host/engine/host.cc:kExecutorsMax":                     "what the crash page leaves",
	"host/engine/instance_sockets.cc:kPieceMax":             "how messages are cut",
	"host/ops/args.h:kOnHeapMax":                            "a fact of V8",
	"host/ops/codec.cc:kInputMax":                           "how work is cut",
	"host/ops/codec.cc:kOutputMax":                          "how work is cut",
	"host/ops/codec.cc:kMax":                                "how work is cut",
	"host/ops/codec.cc:kWindowBitsMax":                      "a fact of brotli",
	"host/ops/codecs.h:kZstdWindowLogMax":                   "a fact of zstd",
	"host/ops/crypto/curves.cc:kContextMax":                 "a fact of the standard",
	"host/ops/crypto/curves.cc:kEcdsaDerMax":                "a fact of the encoding",
	"host/ops/crypto/generate.cc:kRsaBitsMax":               "the same as in runtime/web/crypto/rsa.ts, whose row it is",
	"host/ops/crypto/hash.h:kHashBlockMax":                  "a fact of the hashes",
	"host/ops/crypto/hash.h:kHashSizeMax":                   "a fact of the hashes",
	"host/ops/crypto/octets.h:kLocalMax":                    "where bytes are kept",
	"host/ops/crypto/octets.h:kWipeMax":                     "what is wiped",
	"host/ops/crypto/ops.cc:kImportMax":                     "no key has more",
	"host/ops/crypto/ops.cc:kMax":                           "no operation has more arguments",
	"host/ops/crypto/ops.cc:kPartsMax":                      "no key has more",
	"host/ops/crypto/random.cc:kTakeMax":                    "how random bytes are fetched",
	"host/ops/decode.cc:kMax":                               "a fact of the encodings",
	"host/ops/socket.cc:kOnHeapMax":                         "a fact of V8",
	"host/ops/stream.cc:kOnHeapMax":                         "a fact of V8",
	"host/ops/url.cc:kFormUnmeasuredMax":                    "how a buffer is sized",
	"host/sandbox/rules.h:kValuesMax":                       "no rule has more",
	"internal/observe/quota.go:consoleWorkersMax":           "how many budgets are remembered",
	"runtime/web/compression.ts:aheadMax":                   "when a chunk waits",
	"runtime/web/crypto/subtle.ts:quickDigestMax":           "where a digest is made",
	"runtime/web/fetch/parts-stream.ts:partsStreamChunkMax": "how a body is cut",
	"runtime/web/fetch/send-body.ts:inlineBodyMax":          "which way a body goes",
	"runtime/web/html-rewriter/transform.ts:pieceMax":       "how input is cut",
	"runtime/web/inspect.ts:inspectItemsMax":                "how a value is shown",
	"runtime/web/inspect.ts:inspectStringMax":               "how a value is shown",
	"runtime/web/inspect.ts:inspectTotalMax":                "how a value is shown",
	"runtime/web/inspect.ts:sparseKeysMax":                  "how a value is shown",
	"runtime/web/scheduler.ts:delayMax":                     "a fact of timers",
	"runtime/web/websocket/websocket.ts:reasonMax":          "socket_reason_max of the protocol",
	"internal/isolates/config.go:bodyErrorMax":              "how much of an error's text a host is told",
	"internal/isolates/config.go:stderrLineMax":             "how a host's standard error is cut",
	"internal/isolates/config.go:stderrTailMax":             "how much of it is remembered",
}

// valueOf reads a constant in a source of Go, C++, TypeScript or JSON: a definition, a field of a literal, an entry of kLimits.
func valueOf(source, name string) (value int64, ok bool) {
	quoted := regexp.QuoteMeta(name)
	for _, pattern := range []string{
		`(?m)\b` + quoted + `(?:\s*:\s*\w+|\s+[a-z][\w.]*)?\s*=\s*([^;\n=]+?)\s*(?:;|//|\n|$)`,
		`(?m)\w+, ` + quoted + `\s*=\s*[^,\n]+,\s*([^\n]+?)\s*$`,
		`"` + quoted + `":\s*(\d+)`,
		`"` + quoted + `=(\d+)"`,
		`\{` + quoted + `,\s*(\d+),`,
		`\b` + quoted + `:\s*(\d[^,}\n]*)`,
	} {
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
			if value, ok := evaluate(found[1]); ok {
				return value, true
			}
		}
	}
	return 0, false
}

var spellings = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(\d)'(\d)`), "${1}${2}"},
	{regexp.MustCompile(`(?i)\b(\d+)(?:ull|ul|u)\b`), "$1"},
	{regexp.MustCompile(`\w+\{(\d+)\}`), "$1"},
	{regexp.MustCompile(`time\.Millisecond`), "1000000"},
	{regexp.MustCompile(`time\.Second`), "1000000000"},
	{regexp.MustCompile(`time\.Minute`), "60000000000"},
	{regexp.MustCompile(`time\.Hour`), "3600000000000"},
}

func evaluate(expression string) (value int64, ok bool) {
	for _, spelling := range spellings {
		expression = spelling.pattern.ReplaceAllString(expression, spelling.with)
	}
	result, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expression)
	if err != nil || result.Value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(result.Value))
}

func TestValueOf(t *testing.T) {
	for source, want := range map[string]int64{
		"// A is a thing.\n\tA = 1 << 10 // bytes\n": 1024, "inline constexpr size_t A =\n    3 << 20;  // Bytes": 3 << 20, "static constexpr uint64_t A = 256u << 10;": 256 << 10,
		"constexpr uint32_t A = 100'000;": 100_000, "constexpr size_t A = size_t{1} << 30;": 1 << 30, "export const A: number = 32 * 1024;": 32 << 10, "\tB, A = time.Second, 5 * time.Minute": int64(5 * time.Minute),
		`"A": 12,`: 12, "{RLIMIT_X, 0, \"\"}, {A, 64, \"A\"}": 64, "x{B: 1, A: 5 * time.Second}": int64(5 * time.Second),
	} {
		if value, ok := valueOf(source, "A"); !ok || value != want {
			t.Errorf("%q: %d, %v", source, value, ok)
		}
	}
	if value, ok := valueOf("BA = 5\nAB = 6\n", "A"); ok {
		t.Errorf("another name: %d", value)
	}
}

func TestValueString(t *testing.T) {
	for want, value := range map[string]Value{
		"64 MiB": size(64 << 20), "123 bytes": size(123), "16 385 bytes": size(16_385), "2 min": span(2 * time.Minute), "50 ms": span(50 * time.Millisecond),
		"10 000 000": count(10_000_000, ""), "6 per event": count(6, "per event"), "64 KiB per second": size(64 << 10).per("per second"),
	} {
		if value.String() != want {
			t.Errorf("%q, want %q", value, want)
		}
	}
}
