package hostile

import (
	"testing"
	"time"
)

var cpuCrimes = []crime{
	{row: "1", name: "for(;;);", source: `for (;;);`, codes: limited, rounds: 3},
	{row: "2a", name: "backtracking regular expression", source: `/^(a+)+$/.test("a".repeat(40) + "b");`, codes: limited},
	{row: "2b", name: "endless WebAssembly", module: `import spin from "./spin.wasm";`, source: `new WebAssembly.Instance(spin).exports.f();`,
		files: map[string]string{"src/spin.wasm": "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b"}, codes: limited},
	{row: "2c", name: "endless microtasks", source: `await (function f() { return Promise.resolve().then(f); })();`, codes: limited},
	{row: "2d", name: "endless await", source: `for (;;) await null;`, codes: limited},
	{row: "2e", name: "Atomics.wait", source: `try { Atomics.wait(new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer), 0, 0); return "waited"; } catch (e) { return e.name; }`, answer: "done: TypeError"},
	{row: "2f", name: "endless getter while the response is made", source: `return new Response("x", { get status() { for (;;); } });`, codes: limited},
	{row: "2g", name: "endless toString of what is thrown", source: `throw { toString() { for (;;); }, get message() { for (;;); }, get stack() { for (;;); } };`, codes: []int{1101, 1102}},
	{row: "2h", name: "endless stream callback", source: `return new Response(new ReadableStream({ pull() { for (;;); } }));`, codes: limited, answer: ".{0}"},
	{row: "2i", name: "endless timer", source: `await new Promise(() => setTimeout(() => { for (;;); }, 1));`, codes: limited},
	{row: "2j", name: "endless work after the response", source: `ctx.waitUntil((async () => { await scheduler.wait(1); for (;;); })()); return "gone";`, answer: "done: gone"},
	{row: "2l", name: "waitUntil for a minute", source: `ctx.waitUntil((async () => { await scheduler.wait(60000); console.log("STILL THERE"); })()); return "gone";`, answer: "done: gone", slow: true, lasts: "waitUntil() tasks did not complete"},
	{row: "2k", name: "prepareStackTrace", source: `Error.prepareStackTrace = () => { for (;;); }; return new Error("x").stack;`, codes: limited},
	{row: "3", name: "indexOf of 2^53-1", source: `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);`, codes: lost, mayKill: true, wallMax: 40 * time.Second},
	{row: "14a", name: "recursion", source: `try { (function f() { f(); })(); } catch (e) { return e.name; }`, answer: "done: RangeError"},
	{row: "14b", name: "recursive getter", source: `const o = { get x() { return this.x; } }; try { o.x; } catch (e) { return e.name; }`, answer: "done: RangeError"},
	{row: "14c", name: "deep proxies", source: `let p = {}; for (let i = 0; i < 20000; i++) p = new Proxy(p, {}); try { p.x; return "read"; } catch (e) { return e.name; }`, answer: "done: (RangeError|read)", codes: limited},
	{row: "14d", name: "deep structuredClone", source: `let o = {}; for (let i = 0; i < 50000; i++) o = { o }; try { structuredClone(o); return "cloned"; } catch (e) { return e.name; }`, answer: "done: (RangeError|DataCloneError|cloned)", codes: limited},
	{row: "14e", name: "deep JSON", source: `let o = []; for (let i = 0; i < 50000; i++) o = [o]; try { JSON.stringify(o); return "text"; } catch (e) { return e.name; }`, answer: "done: (RangeError|text)", codes: limited},
	{row: "14f", name: "deep flat", source: `let o = []; for (let i = 0; i < 50000; i++) o = [o]; try { o.flat(Infinity); return "flat"; } catch (e) { return e.name; }`, answer: "done: (RangeError|flat)", codes: limited},
	{row: "14g", name: "recursion on another stack", source: `await scheduler.wait(1); try { (function f() { f(); })(); } catch (e) { return e.name; }`, answer: "done: RangeError"},
	{row: "14h", name: "recursion into console.log", source: `let o = {}; for (let i = 0; i < 50000; i++) o = { o }; console.log(o); return "logged";`, answer: "done: logged", codes: limited},
	{row: "14i", name: "recursion through the platform", source: `const t = new EventTarget(); t.addEventListener("x", () => t.dispatchEvent(new Event("x"))); try { t.dispatchEvent(new Event("x")); return "sent"; } catch (e) { return e.name; }`, answer: "done: (sent|RangeError)", codes: []int{1101, 1102}},
	{row: "20", name: "promise that never resolves", source: `await new Promise(() => {});`, codes: []int{1101}, wallMax: 5 * time.Second},
}

func TestCPU(t *testing.T) {
	for _, c := range cpuCrimes {
		t.Run(c.row, func(t *testing.T) { commit(t, c) })
	}
}

// unterminable are calls into the engine that do not end when they are told to.
var unterminable = []struct{ name, source string }{
	{"includes", `Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);`},
	{"lastIndexOf", `Array.prototype.lastIndexOf.call({ length: 2 ** 53 - 1 }, 1);`},
	{"reverse", `Array.prototype.reverse.call({ length: 2 ** 53 - 1 });`},
	{"fill", `Array.prototype.fill.call({ length: 2 ** 53 - 1, __proto__: null }, 1, 2 ** 53 - 2);`},
	{"unshift", `Array.prototype.unshift.call({ length: 2 ** 53 - 2 }, 1);`},
	{"splice", `Array.prototype.splice.call({ length: 2 ** 53 - 2 }, 0, 0, 1);`},
	{"sort", `Array.prototype.sort.call({ length: 2 ** 32 - 2 });`},
	{"copyWithin", `Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 0, 1);`},
	{"concat", `const a = []; a.length = 2 ** 32 - 2; a[2 ** 32 - 3] = 1; a.__proto__ = { __proto__: Array.prototype, 1: 1 }; [].concat(a);`},
	{"Array.from", `Array.from({ length: 2 ** 32 - 1 });`},
	{"String.raw", `String.raw({ raw: { length: 2 ** 53 - 1 } });`},
	{"replaceAll", `"x".repeat(2 ** 27).replaceAll("x", "");`},
	{"replace", `"x".repeat(2 ** 27).replace(/x/g, "");`},
	{"includes of a string", `("a".repeat(2 ** 26)).includes("a".repeat(2 ** 25) + "b");`},
	{"Object.keys of a string", `Object.keys("x".repeat(2 ** 26));`},
	{"Reflect.ownKeys of a string", `Reflect.ownKeys(new String("x".repeat(2 ** 26)));`},
	{"Object.assign of a string", `Object.assign({}, "x".repeat(2 ** 26));`},
	{"spread of a typed array", `[...new Uint8Array(1e8)];`},
	{"JSON.stringify", `JSON.stringify(Array(2 ** 27));`},
	{"normalize", `"é".repeat(1e8).normalize("NFD");`},
	{"toSorted", `Array.prototype.toSorted.call({ length: 2 ** 32 - 1 });`},
}

func TestUnterminable(t *testing.T) {
	for i, u := range unterminable {
		c := crime{row: "4" + string(rune('a'+i)), name: u.name, source: u.source, codes: lost, answer: "done: .*", mayKill: true, wallMax: 40 * time.Second, slow: true}
		t.Run(c.row, func(t *testing.T) { commit(t, c) })
	}
}
