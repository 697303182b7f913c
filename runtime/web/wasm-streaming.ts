// WebAssembly.compileStreaming and instantiateStreaming (https://webassembly.github.io/spec/web-api/). Like every way from
// bytes to a module they need the compatibility flag allow_wasm_from_bytes. Deviation: compilation begins when the body has
// been read to its end.

import { FunctionPrototypeCall, PromisePrototypeThen, promiseResolvedWith, StringPrototypeToLowerCase } from "../bootstrap/primordials.ts";
import { typeError } from "../bootstrap/webidl.ts";
import { bodyUnusable, usedError } from "./fetch/body.ts";
import { ARRAY_BUFFER, consumeBody } from "./fetch/consume.ts";
import { isResponse, responseParts } from "./fetch/response.ts";
import { createHeaders, getHeader } from "./headers.ts";

let compile: unknown;
let instantiate: unknown;
/** WebAssembly.compile and instantiate, as V8 made them. */
export function setWasmFunctions(compileBytes: unknown, instantiateBytes: unknown): void {
  compile = compileBytes;
  instantiate = instantiateBytes;
}

/** "Compile a potential WebAssembly response", as far as the bytes. */
function bytesOf(source: unknown, context: string): Promise<unknown> {
  return PromisePrototypeThen(resolved(source), (response) => {
    if (!isResponse(response)) throw typeError(context, "the source is not a Response.");
    const { body, headers, status } = responseParts(response);
    const type = getHeader(createHeaders(headers, true), "content-type");
    // No parameters are allowed.
    if (type === null || StringPrototypeToLowerCase(type) !== "application/wasm") throw typeError(context, `the Content-Type of the response is ${type === null ? "missing" : `"${type}"`}, not "application/wasm".`);
    if (status < 200 || status > 299) throw typeError(context, `the status of the response is ${status}.`);
    if (body !== null && bodyUnusable(body)) throw usedError();
    return consumeBody(body, ARRAY_BUFFER, undefined);
  });
}

async function resolved(source: unknown): Promise<unknown> {
  return promiseResolvedWith(source);
}

export const { compileStreaming, instantiateStreaming } = {
  compileStreaming(source: unknown, options: unknown = undefined): Promise<unknown> {
    return PromisePrototypeThen(bytesOf(source, "WebAssembly.compileStreaming"), (bytes) => FunctionPrototypeCall(compile, undefined, bytes, options));
  },
  instantiateStreaming(source: unknown, importObject: unknown = undefined, options: unknown = undefined): Promise<unknown> {
    return PromisePrototypeThen(bytesOf(source, "WebAssembly.instantiateStreaming"), (bytes) => FunctionPrototypeCall(instantiate, undefined, bytes, importObject, options));
  },
};
