// What the console shows of the platform's objects, and which of them structuredClone copies
// (https://html.spec.whatwg.org/multipage/structured-data.html#serializable-objects). Called once, at snapshot time.

import { AbortSignal } from "../web/abort.ts";
import { Blob, blobParts, blobSize, blobType, createBlob, createFile, File, fileLastModified, fileName, isBlob, isFile } from "../web/blob.ts";
import { DOMException, domExceptionParts, isDOMException, QuotaExceededError } from "../web/domexception.ts";
import { TextDecoder, TextEncoder } from "../web/encoding.ts";
import { CloseEvent } from "../web/events/close.ts";
import { CustomEvent } from "../web/events/custom.ts";
import { ErrorEvent } from "../web/events/error.ts";
import { Event } from "../web/events/event.ts";
import { MessageEvent } from "../web/events/message.ts";
import { PromiseRejectionEvent } from "../web/events/rejection.ts";
import { FetchEvent } from "../web/extendable.ts";
import { Request } from "../web/fetch/request.ts";
import { Response } from "../web/fetch/response.ts";
import { FormData, formDataEntries, isFormData } from "../web/form-data.ts";
import { Headers, isHeaders, packHeaders } from "../web/headers.ts";
import { registerInspectable } from "../web/inspect.ts";
import { Navigator } from "../web/navigator.ts";
import { PerformanceEntry, PerformanceMark, PerformanceMeasure } from "../web/performance.ts";
import { ReadableStream } from "../web/streams/readable.ts";
import { TransformStream } from "../web/streams/transform.ts";
import { WritableStream } from "../web/streams/writable.ts";
import { type Cloner, registerPlatformInterface } from "../web/structured-clone.ts";
import { isURLSearchParams, serializeSearchParams, URLSearchParams } from "../web/url-search-params.ts";
import { URL } from "../web/url.ts";
import { native } from "./native.ts";
import { ArrayPrototypePush, StringPrototypeSplit } from "./primordials.ts";

/** [name, value, name, value, …] as pairs. */
function pairs(flat: readonly unknown[]): [string, unknown][] {
  const out: [string, unknown][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) ArrayPrototypePush(out, [flat[i] as string, flat[i + 1]]);
  return out;
}

function showHeaders(o: object): [string, unknown][] | undefined {
  return isHeaders(o) ? pairs(StringPrototypeSplit(packHeaders(o), "\n")) : undefined;
}
function showSearchParams(o: object): [string, unknown][] | undefined {
  return isURLSearchParams(o) ? pairs(native.formDecode(serializeSearchParams(o))) : undefined;
}
function showFormData(o: object): [string, unknown][] | undefined {
  return isFormData(o) ? pairs(formDataEntries(o)) : undefined;
}

/** Base classes first. No accessor that makes something, such as body and signal. */
export function registerInspectables(): void {
  const event = ["type", "defaultPrevented", "cancelable", "timeStamp"];
  registerInspectable(Event, event);
  registerInspectable(CustomEvent, ["detail"]);
  registerInspectable(ErrorEvent, ["message", "error"]);
  registerInspectable(MessageEvent, ["data"]);
  registerInspectable(CloseEvent, ["code", "reason", "wasClean"]);
  registerInspectable(PromiseRejectionEvent, ["promise", "reason"]);
  registerInspectable(FetchEvent, ["request"]);
  registerInspectable(AbortSignal, ["aborted", "reason"]);
  registerInspectable(Headers, [], showHeaders);
  registerInspectable(URLSearchParams, [], showSearchParams);
  registerInspectable(FormData, [], showFormData);
  registerInspectable(URL, ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"]);
  registerInspectable(Request, ["method", "url", "headers", "redirect", "cf", "bodyUsed"]);
  registerInspectable(Response, ["status", "statusText", "ok", "headers", "redirected", "type", "url", "bodyUsed"]);
  registerInspectable(Blob, ["size", "type"]);
  registerInspectable(File, ["name", "lastModified"]);
  registerInspectable(ReadableStream, ["locked"]);
  registerInspectable(WritableStream, ["locked"]);
  registerInspectable(TransformStream, ["readable", "writable"]);
  registerInspectable(TextEncoder, ["encoding"]);
  registerInspectable(TextDecoder, ["encoding", "fatal", "ignoreBOM"]);
  registerInspectable(PerformanceEntry, ["name", "entryType", "startTime", "duration"]);
  registerInspectable(PerformanceMark, ["detail"]);
  registerInspectable(PerformanceMeasure, ["detail"]);
  registerInspectable(Navigator, ["userAgent", "hardwareConcurrency", "language"]);
}

const cloneBlob: Cloner = (o) => {
  if (!isBlob(o)) return undefined;
  const parts = blobParts(o);
  const size = blobSize(o);
  const type = blobType(o);
  return () => createBlob(parts, size, type);
};
const cloneFile: Cloner = (o) => {
  if (!isFile(o)) return undefined;
  const parts = blobParts(o);
  const size = blobSize(o);
  const type = blobType(o);
  const name = fileName(o);
  const modified = fileLastModified(o);
  return () => createFile(parts, size, type, name, modified);
};
const cloneException: Cloner = (o) => {
  if (!isDOMException(o)) return undefined;
  const { name, message } = domExceptionParts(o);
  return () => new DOMException(message, name);
};
const cloneQuotaExceeded: Cloner = (o) => {
  if (!isDOMException(o)) return undefined;
  const { message } = domExceptionParts(o);
  const { quota, requested } = o as QuotaExceededError;
  return () => new QuotaExceededError(message, { __proto__: null, quota: quota ?? undefined, requested: requested ?? undefined });
};

/** All interfaces of the platform are refused by structuredClone but those that are serialisable. */
export function registerPlatformInterfaces(interfaces: readonly { prototype: object; name: string }[]): void {
  for (let i = 0; i < interfaces.length; i++) registerPlatformInterface(interfaces[i]!);
  registerPlatformInterface(Blob, cloneBlob);
  registerPlatformInterface(File, cloneFile);
  registerPlatformInterface(DOMException, cloneException);
  registerPlatformInterface(QuotaExceededError, cloneQuotaExceeded);
}
