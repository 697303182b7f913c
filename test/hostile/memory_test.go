package hostile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

var memoryCrimes = []crime{
	{row: "5", name: "leak of objects", source: `const a = []; for (;;) a.push({});`, codes: limited},
	{row: "5a", name: "leak of objects, with time for it", source: `const a = []; for (;;) a.push({});`, cpu: 20_000, outcome: "exceededMemory", codes: limited, wallMax: 40 * time.Second},
	{row: "5f", name: "the isolate after a leak is another one", module: `let runs = 0;`, source: `if (runs++ > 0) return "the same"; const a = []; for (;;) a.push([1, 2, 3]);`, cpu: 20_000, outcome: "exceededMemory", codes: limited, rounds: 2, wallMax: 40 * time.Second, slow: true},
	{row: "5b", name: "leak of buffers", source: `const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1));`, codes: limited, answer: "done: RangeError"},
	{row: "5c", name: "leak across requests", module: `const all = [];`, source: `for (let i = 0; i < 1e6; i++) all.push({ i }); return all.length;`, codes: limited, answer: "done: [0-9]+", rounds: 8},
	{row: "5d", name: "leak of strings", source: `let s = "x".repeat(1e6); const a = []; for (let i = 0; ; i++) a.push((s + i).split("").reverse().join(""));`, codes: limited},
	{row: "5e", name: "leak of closures and promises", source: `const a = []; for (;;) a.push(new Promise(() => {}).then(() => a));`, codes: limited},
	{row: "6", name: "an array of 800 MB", source: `new Array(1e8).fill(1.5); return "made";`, codes: lost, mayKill: true, wallMax: 20 * time.Second},
	{row: "7", name: "split of 2^27 characters", source: `"x".repeat(2 ** 27 + 10).split(""); return "split";`, codes: lost, mayKill: true, wallMax: 20 * time.Second},
	{row: "7b", name: "JSON.parse of 2^27 elements", source: `JSON.parse("[" + "1,".repeat(2 ** 27) + "1]"); return "parsed";`, codes: lost, mayKill: true, wallMax: 30 * time.Second, slow: true},
	{row: "8", name: "row 7 ten times", source: `"x".repeat(2 ** 27 + 10).split(""); return "split";`, codes: append([]int{1200}, lost...), mayKill: true, rounds: 10, wallMax: 30 * time.Second, slow: true},
	{row: "9", name: "32500 resizable buffers", source: `const a = []; try { for (let i = 0; i < 32500; i++) a.push(new ArrayBuffer(8, { maxByteLength: 65536 })); } catch (e) { return e.name + " " + (a.length < 20000); } return a.length;`, codes: limited, answer: "done: RangeError true"},
	{row: "10", name: "20000 WebAssembly memories", source: `const a = []; try { for (let i = 0; i < 20000; i++) a.push(new WebAssembly.Memory({ initial: 1 })); } catch (e) { return e.name + " " + (a.length <= 16); } return a.length;`, codes: limited, answer: "done: RangeError true"},
	{row: "9b", name: "resizable buffers of 200 MB together", source: `const a = []; for (let i = 0; i < 4; i++) { const b = new ArrayBuffer(0, { maxByteLength: 1e8 }); b.resize(5e7); a.push(b); new Uint8Array(b).fill(1, 0, 4e6); } await scheduler.wait(1); return a.length;`, codes: limited, answer: "done: RangeError"},
	{row: "10b", name: "WebAssembly memories of 250 MiB together", source: `const a = []; try { for (let i = 0; i < 4; i++) { const m = new WebAssembly.Memory({ initial: 1000 }); a.push(m); new Uint8Array(m.buffer).fill(1, 0, 4e6); } } catch (e) { return e.name + " " + a.length; } return a.length;`, answer: "done: RangeError 2"},
	{row: "10c", name: "a WebAssembly memory that grows beside a buffer", source: `const m = new WebAssembly.Memory({ initial: 1 }), b = new Uint8Array(1e8); try { m.grow(1000); return "grown"; } catch (e) { return e.name + " " + b.length; }`, answer: "done: RangeError 100000000"},
	{row: "11", name: "memory.grow to 2 GB", source: `const m = new WebAssembly.Memory({ initial: 1 }); try { m.grow(30000); return "grown"; } catch (e) { return e.name; }`, answer: "done: RangeError"},
	{row: "11b", name: "a memory of 65536 pages", source: `try { new WebAssembly.Memory({ initial: 65536 }); return "made"; } catch (e) { return e.name; }`, answer: "done: (RangeError|TypeError)"},
	{row: "11c", name: "WebAssembly beyond its memory", module: `import load from "./load.wasm";`, source: `try { return new WebAssembly.Instance(load).exports.f(); } catch (e) { return e.constructor.name; }`,
		files: map[string]string{"src/load.wasm": "\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x05\x03\x01\x00\x01\x07\x05\x01\x01f\x00\x00\x0a\x0c\x01\x0a\x00\x41\x80\x80\x80\x08\x28\x02\x00\x0b"}, answer: "done: RuntimeError"},
	{row: "12", name: "a buffer of 8 GiB", source: `try { new Uint8Array(2 ** 33); return "made"; } catch (e) { return e.name; }`, answer: "done: RangeError"},
	{row: "12b", name: "maxByteLength of 2^40", source: `try { new ArrayBuffer(8, { maxByteLength: 2 ** 40 }); return "made"; } catch (e) { return e.name; }`, answer: "done: RangeError"},
	{row: "13", name: "a stream of 300 MB as text", source: `
		const chunk = new Uint8Array(1 << 20); let n = 0;
		const s = new ReadableStream({ pull(c) { if (n++ < 300) c.enqueue(chunk.slice()); else c.close(); } });
		try { return (await new Response(s).text()).length; } catch (e) { return e.name + ": " + e.message; }`, codes: limited, answer: "done: (RangeError|TypeError).*"},
	{row: "13b", name: "a string of 512 MB", source: `let s = "x"; try { for (;;) { s += s; if (s.length > 2 ** 28) s.charCodeAt(1); } } catch (e) { return e.name; }`, codes: limited, answer: "done: RangeError"},
	{row: "13c", name: "tee whose branch is never read", source: `
		const chunk = new Uint8Array(1 << 20);
		const [a, b] = new ReadableStream({ pull(c) { c.enqueue(chunk.slice()); } }).tee(); const r = a.getReader();
		try { for (let i = 0; i < 1000; i++) await r.read(); return "read"; } catch (e) { return e.name; }`, codes: limited, answer: "done: RangeError"},
	{row: "48", name: "100 MB of console output", source: `const line = "\x1b[31mline\nof\rtext\x00".repeat(500); for (let i = 0; i < 10000; i++) console.log(line); return "logged";`, codes: limited, answer: "done: logged", log: quietLog, grows: 400 << 20},
	{row: "48b", name: "a line of 10 MB", source: `console.log("x\ny\x1b[2J".repeat(2e6)); return "logged";`, codes: limited, answer: "done: logged", log: quietLog},
	{row: "48c", name: "console output in every request", source: `for (let i = 0; i < 1000; i++) console.log("{\"level\":\"ERROR\"}\n".repeat(100)); return "logged";`, codes: limited, answer: "done: logged", rounds: 5, log: quietLog},
}

// quietLog says whether the log is short, and nothing but lines of JSON that the platform wrote.
func quietLog(said string) string {
	if len(said) > 4<<20 {
		return fmt.Sprintf("the log has %d bytes", len(said))
	}
	for line := range strings.Lines(said) {
		if len(line) > 128<<10 || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\r\x00") || !json.Valid([]byte(line)) {
			return fmt.Sprintf("a line of %d bytes in the log: %.200q", len(line), line)
		}
	}
	return ""
}

func TestMemory(t *testing.T) {
	for _, c := range memoryCrimes {
		t.Run(c.row, func(t *testing.T) { commit(t, c) })
	}
}
