// The first module of the runtime layer, evaluated once when the startup snapshot is made: it puts the parts together,
// defines the globals and hands the host its handlers. Snapshot rules: at this time nothing may ask for the clock, for
// randomness or for the environment, and everything that stays must be plain JavaScript that V8 can write down.

import "./primordials.ts";
import { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint } from "../cloudflare/workers.ts";
import { AsyncLocalStorage, AsyncResource } from "../node/async_hooks.ts";
import { setTimerHook } from "../web/abort.ts";
import { onCallResult } from "../web/fetch/fetch.ts";
import { onStreamCollected, onStreamData, onStreamEnd, onStreamError } from "../web/fetch/inbound.ts";
import { onStreamCancelled, onStreamCredit } from "../web/fetch/outbound.ts";
import { setCloneHook } from "../web/streams/internal.ts";
import { structuredCloneValue } from "../web/structured-clone.ts";
import { setReportException } from "../web/events/target.ts";
import { onTimer, setInternalTimeout } from "../web/timers.ts";
import { cancel, eventKilled, fetch, init, start, waitUntil } from "./dispatch.ts";
import { reportException, setExceptionReporter } from "./errors.ts";
import { installGlobals, prepareGlobals } from "./globals.ts";
import { builtin, env, registerBuiltin } from "./modules.ts";
import { native } from "./native.ts";
import { onPromiseReject, reportUncaught } from "./unhandled.ts";

setTimerHook(setInternalTimeout);
setCloneHook(structuredCloneValue);
setReportException(reportException);
setExceptionReporter(reportUncaught);
installGlobals(globalThis);

registerBuiltin(["cloudflare:workers"], { DurableObject, env, RpcTarget, waitUntil, WorkerEntrypoint, WorkflowEntrypoint });
registerBuiltin(["node:async_hooks", "async_hooks"], { AsyncLocalStorage, AsyncResource, default: { AsyncLocalStorage, AsyncResource } });

native.setHandlers({
  init(config) {
    prepareGlobals();
    init(config);
  },
  start,
  builtin,
  fetch,
  cancel,
  eventKilled,
  callResult: (call, code, message, stream, length, result) => void onCallResult(call, code, message, stream, length, result),
  streamData: onStreamData,
  streamEnd: onStreamEnd,
  streamError: onStreamError,
  streamCollected: onStreamCollected,
  streamCredit: onStreamCredit,
  streamCancelled: onStreamCancelled,
  timer: onTimer,
  promiseReject: onPromiseReject,
});
