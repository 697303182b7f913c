package hostile

import "testing"

const tries = `const tried = (f) => { try { const v = f(); return typeof v; } catch (e) { return e.name; } };`

var hygieneCrimes = []crime{
	{row: "15", name: "code from strings", source: tries + `
		const async = (async () => {}).constructor, generator = (function* () {}).constructor, asyncGenerator = (async function* () {}).constructor;
		return [() => eval("1"), () => (0, eval)("1"), () => new Function("return 1"), () => Function("return 1"), () => async("1"), () => generator("1"), () => asyncGenerator("1"),
			() => Reflect.construct(Function, ["return 1"]), () => new (class extends Function {})("return 1"), () => (() => {}).constructor("return 1")].map(tried).join(" ");`,
		answer: "done: EvalError( EvalError){9}"},
	{row: "15b", name: "a timer of text", source: tries + `return tried(() => setTimeout("1", 1));`, answer: "done: (TypeError|EvalError)"},
	{row: "15c", name: "import of a data URL", source: `const at = "data:text/javascript,export default 1"; try { await import(at); return "imported"; } catch (e) { return e.name; }`, answer: "done: [A-Za-z]*Error"},
	{row: "15d", name: "WebAssembly from bytes", source: `try { await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); return "compiled"; } catch (e) { return e.name; }`, answer: "done: CompileError"},
	{row: "15e", name: "WebAssembly.Module from bytes", source: tries + `return tried(() => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])));`, answer: "done: CompileError"},
	{row: "17", name: "names of other platforms", source: `return ["process", "require", "module", "__dirname", "Deno", "Bun", "internalBinding", "primordials", "native", "__native", "SharedArrayBuffer", "Worker", "importScripts", "XMLHttpRequest", "ShadowRealm", "gc", "d8"].filter((name) => name in globalThis).join(" ");`, answer: "done: "},
	{row: "17b", name: "callers", source: `"use strict"; return [() => arguments.callee, () => (function f() { return f.caller; })()].map((f) => { try { return String(f()); } catch (e) { return e.name; } }).join(" ");`, answer: "done: TypeError TypeError"},
	{row: "17c", name: "call sites", source: `Error.prepareStackTrace = (e, sites) => sites; const sites = new Error("x").stack; return sites.map((s) => [s.getThis?.(), s.getFunction?.()].filter((v) => v !== undefined && typeof v !== "function" && v !== null).length).reduce((a, b) => a + b, 0);`, answer: "done: 0"},
	{row: "22", name: "the clock", source: `
		const readings = () => [Date.now(), new Date().getTime(), +new Date(Date()) , performance.now(), performance.timeOrigin,
			typeof Temporal === "undefined" ? 0 : Temporal.Now.instant().epochMilliseconds, new Intl.DateTimeFormat("en", { fractionalSecondDigits: 3 }).format(), new Event("x").timeStamp,
			new Intl.DateTimeFormat("en", { fractionalSecondDigits: 3 }).formatToParts().map((p) => p.value).join(""), typeof Temporal === "undefined" ? "" : Temporal.Now.zonedDateTimeISO().toString(),
			new File([], "x").lastModified, new Date().toLocaleTimeString("en", { fractionalSecondDigits: 3 })].join("|");
		const before = readings(); for (let i = 0; i < 3e6; i++) Math.sqrt(i); const after = readings();
		return before === after ? "frozen" : before + " then " + after;`, answer: "done: frozen"},
	{row: "22b", name: "the clock advances with I/O", source: `const before = Date.now(); await scheduler.wait(20); return Date.now() - before >= 19;`, answer: "done: true"},
	{row: "23", name: "shared memory and threads", source: `return [typeof SharedArrayBuffer, typeof Worker, typeof SharedWorker, typeof Atomics?.wait].join(" ");`, answer: "done: undefined undefined undefined (function|undefined)"},
	{row: "23b", name: "shared WebAssembly memory", source: `try { return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer.constructor.name; } catch (e) { return e.name; }`, answer: "done: (TypeError|RangeError|SharedArrayBuffer)"},
	{row: "16", name: "poisoned prototypes", source: `
		const bad = () => { throw new Error("poison"); };
		Array.prototype.push = bad; Promise.prototype.then = bad; Function.prototype.call = bad; Function.prototype.apply = bad; Array.prototype[Symbol.iterator] = bad;
		Object.defineProperty(Object.prototype, "get", { get: bad, configurable: true }); RegExp.prototype.exec = bad; String.prototype.split = bad; Map.prototype.get = bad;
		return new Response("clean", { headers: { "x-a": "1" } });`, answer: "clean", codes: []int{1101}},
}

func TestHygiene(t *testing.T) {
	for _, c := range hygieneCrimes {
		t.Run(c.row, func(t *testing.T) { commit(t, c) })
	}
}
