// Cache and CacheStorage as the Workers platform has them (https://developers.cloudflare.com/workers/runtime-apis/cache/):
// `caches.default` and `caches.open(name)`, each with match, put and delete.
//
// There is no store behind them yet: put reads the response to its end, as it must, and keeps nothing; match finds nothing.
// That is what the platform itself does for workers without a zone. The first put of an isolate says so in its log.

import { requireEvent } from "../bootstrap/context.ts";
import { PromiseReject, PromiseResolve, StringPrototypeIncludes, TypeError } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, requireArguments, toDOMString } from "../bootstrap/webidl.ts";
import { LogLevel } from "../bootstrap/wire.gen.ts";
import { ARRAY_BUFFER, consumeBody } from "./fetch/consume.ts";
import { isRequest, Request, requestParts } from "./fetch/request.ts";
import { isResponse, responseParts } from "./fetch/response.ts";
import { createHeaders, getHeader } from "./headers.ts";
import { writeLog } from "./log.ts";

const construct = {};
let said = false;

function toRequest(v: unknown): Request {
  return isRequest(v) ? v : new Request(v);
}

export class Cache {
  #brand = true;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }

  match(request: unknown, _options: unknown = undefined): Promise<undefined> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 1, "Cache.match");
      requireEvent();
      toRequest(request);
      return PromiseResolve(undefined);
    } catch (e) {
      return PromiseReject(e);
    }
  }

  put(request: unknown, response: unknown): Promise<undefined> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 2, "Cache.put");
      requireEvent();
      if (requestParts(toRequest(request)).method !== "GET") throw new TypeError("Cannot cache response to non-GET request.");
      if (!isResponse(response)) throw new TypeError("Cache.put: the second argument is not a Response.");
      const { status, headers, body } = responseParts(response);
      if (status === 206) throw new TypeError("Cannot cache response to a range request (206 Partial Content).");
      if (StringPrototypeIncludes(getHeader(createHeaders(headers, true), "vary") ?? "", "*")) throw new TypeError("Cannot cache response with 'Vary: *' header.");
      if (!said) {
        said = true;
        writeLog(LogLevel.warn, "Cache.put: nothing is kept: the Cache API has no store yet.");
      }
      return discard(consumeBody(body, ARRAY_BUFFER, undefined));
    } catch (e) {
      return PromiseReject(e);
    }
  }

  delete(request: unknown, _options: unknown = undefined): Promise<boolean> {
    try {
      void this.#brand;
      requireArguments(arguments.length, 1, "Cache.delete");
      requireEvent();
      toRequest(request);
      return PromiseResolve(false);
    } catch (e) {
      return PromiseReject(e);
    }
  }
}
defineInterface(Cache);

async function discard(read: Promise<unknown>): Promise<undefined> {
  await read;
  return undefined;
}

export class CacheStorage {
  #default: Cache = new Cache(construct);

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }
  get default(): Cache {
    return this.#default;
  }
  open(name: unknown): Promise<Cache> {
    try {
      void this.#default;
      requireArguments(arguments.length, 1, "CacheStorage.open");
      toDOMString(name);
      return PromiseResolve(new Cache(construct));
    } catch (e) {
      return PromiseReject(e);
    }
  }
}
defineInterface(CacheStorage);

export const caches: CacheStorage = new CacheStorage(construct);
