// The first module of the runtime layer, evaluated once when the startup snapshot is made: it puts the parts together,
// defines the globals and hands the host its handlers. Snapshot rules: at this time nothing may ask for the clock, for
// randomness or for the environment, and everything that stays must be plain JavaScript that V8 can write down.

import "./primordials.ts";
import * as workers from "../cloudflare/workers.ts";
import * as asyncHooks from "../node/async_hooks.ts";
import { setTimerHook } from "../web/abort.ts";
import { onStreamCollected, onStreamData, onStreamEnd, onStreamError } from "../web/fetch/inbound.ts";
import { onStreamCancelled, onStreamCredit } from "../web/fetch/outbound.ts";
import { onTimer, setInternalTimeout } from "../web/timers.ts";
import * as dispatch from "./dispatch.ts";
import { installGlobals } from "./globals.ts";
import { builtin, env, registerBuiltin } from "./modules.ts";
import { native } from "./native.ts";
import { onPromiseReject } from "./rejections.ts";

setTimerHook(setInternalTimeout);
installGlobals(globalThis);

const { WorkerEntrypoint, DurableObject, WorkflowEntrypoint, RpcTarget } = workers;
registerBuiltin(["cloudflare:workers"], { WorkerEntrypoint, DurableObject, WorkflowEntrypoint, RpcTarget, env, waitUntil: dispatch.waitUntil });
const { AsyncLocalStorage, AsyncResource } = asyncHooks;
registerBuiltin(["node:async_hooks", "async_hooks"], { AsyncLocalStorage, AsyncResource, default: { AsyncLocalStorage, AsyncResource } });

native.setHandlers({
  init: dispatch.init,
  start: dispatch.start,
  builtin,
  fetch: dispatch.fetch,
  cancel: dispatch.cancel,
  eventKilled: dispatch.eventKilled,
  callResult() {},
  streamData: onStreamData,
  streamEnd: onStreamEnd,
  streamError: onStreamError,
  streamCollected: onStreamCollected,
  streamCredit: onStreamCredit,
  streamCancelled: onStreamCancelled,
  timer: onTimer,
  promiseReject: onPromiseReject,
});
