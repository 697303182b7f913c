// The first module of the runtime layer, evaluated once when the startup snapshot is made: it puts the parts together,
// defines the globals and hands the host its handlers. Snapshot rules: at this time nothing may ask for the clock, for
// randomness or for the environment, and everything that stays must be plain JavaScript that V8 can write down.

import "./primordials.ts";
import { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint } from "../cloudflare/workers.ts";
import { asyncHooks } from "../node/async_hooks.ts";
import { nodeModule } from "../node/modules.ts";
import { nodeProcess } from "../node/process.ts";
import { onStreamCollected, onStreamData, onStreamEnd, onStreamError } from "../web/fetch/inbound.ts";
import { onStreamCancelled, onStreamCredit } from "../web/fetch/outbound.ts";
import { setReportException } from "../web/events/target.ts";
import { streamTransfer } from "../web/streams/transfer.ts";
import { onTimer } from "../web/timers.ts";
import { onSocketClosed, onSocketFlushed, onSocketMessage } from "../web/websocket/state.ts";
import { cancel, eventKilled, fetch, init, rehearse, start, waitUntil } from "./dispatch.ts";
import { reportException, setExceptionReporter } from "./errors.ts";
import { allowWasmFromBytes, defineProcess, installGlobals, prepareGlobals } from "./globals.ts";
import { onCallResult } from "./calls.ts";
import { setStreamTransfer } from "./interfaces.ts";
import { builtin, env, hasCompatFlag, registerBuiltin } from "./modules.ts";
import { native } from "./native.ts";
import { onPromiseReject, onRejectionsDue, reportUncaught } from "./unhandled.ts";

setReportException(reportException);
setExceptionReporter((e) => reportUncaught(e));
setStreamTransfer((v) => streamTransfer(v));
installGlobals(globalThis);

registerBuiltin(["cloudflare:workers"], () => ({ DurableObject, env, RpcTarget, waitUntil, WorkerEntrypoint, WorkflowEntrypoint }));

let hooks: Record<string, unknown> | undefined;

function importBuiltin(specifier: string): Record<string, unknown> | undefined {
  // Of node: the one that many workers import, and need nothing else of Node.js for.
  if (specifier !== "node:async_hooks") return builtin(specifier) ?? nodeModule(specifier);
  return hasCompatFlag("nodejs_als") || hasCompatFlag("nodejs_compat") ? (hooks ??= asyncHooks()) : undefined;
}

// Functions of lazy groups must not be named before they are called; see runtime/bundle.
native.setHandlers({
  init(config) {
    prepareGlobals();
    init(config);
    if (hasCompatFlag("allow_wasm_from_bytes")) allowWasmFromBytes();
    if (hasCompatFlag("nodejs_compat")) defineProcess(globalThis, () => nodeProcess());
  },
  start,
  builtin: importBuiltin,
  fetch,
  cancel,
  eventKilled,
  callResult: (call, code, message, stream, length, result, socket) => onCallResult(call, code, message, stream, length, result, socket),
  streamData: (stream, bytes) => onStreamData(stream, bytes),
  streamEnd: (stream) => onStreamEnd(stream),
  streamError: (stream, code, message) => onStreamError(stream, code, message),
  streamCollected: (stream, value) => onStreamCollected(stream, value),
  streamCredit: (stream, credit) => onStreamCredit(stream, credit),
  streamCancelled: (stream, message) => onStreamCancelled(stream, message),
  socketMessage: (socket, data) => onSocketMessage(socket, data),
  socketClosed: (socket, code, reason) => onSocketClosed(socket, code, reason),
  socketFlushed: (socket) => onSocketFlushed(socket),
  timer: (id) => onTimer(id),
  rejectionsDue: () => onRejectionsDue(),
  promiseReject: (type, promise, reason) => onPromiseReject(type, promise, reason),
});

rehearse();
