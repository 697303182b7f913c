// From the runtime layer to the host's cryptographic operations and back. Short ones have their result at once; long ones
// become jobs of the host, whose results come later.

import { currentEvent } from "../../bootstrap/context.ts";
import { type CryptoResult, type KeyHandle, native } from "../../bootstrap/native.ts";
import { newDeferredFast, ObjectSetPrototypeOf, PromisePrototypeThen, promiseResolvedWith } from "../../bootstrap/primordials.ts";
import { isObject } from "../../bootstrap/webidl.ts";
import { DOMException } from "../domexception.ts";

export type BufferSource = ArrayBuffer | ArrayBufferView;
/** What a job or an operation gives: bytes, an answer, keys, or two of something. */
export type Raw = Exclude<CryptoResult, string | number>;

let isLater: (v: unknown) => v is Later<unknown>;

/** What a job will have done. Everything up to what the worker sees happens in one step, so that no promise on the way holds a secret. */
class Later<T> {
  readonly #job: number;
  readonly #finish: (raw: Raw) => T;
  constructor(job: number, finish: (raw: Raw) => T) {
    this.#job = job;
    this.#finish = finish;
  }
  static {
    isLater = (v): v is Later<unknown> => isObject(v) && #job in v;
  }

  then<U>(f: (value: T) => U): Later<U> {
    const finish = this.#finish;
    return new Later(this.#job, (raw) => f(finish(raw)));
  }

  promise(): Promise<T> {
    const { promise, resolve, reject } = newDeferredFast<T>();
    const finish = this.#finish;
    void PromisePrototypeThen(native.cryptoJob(this.#job), (box) => {
      try {
        resolve(finish(checked(box.value)));
      } catch (e) {
        reject(e);
      }
    });
    return promise;
  }
}

/** A value, or one that a job will give. */
export type Outcome<T> = T | Later<T>;

export function chain<T, U>(outcome: Outcome<T>, f: (value: T) => U): Outcome<U> {
  return isLater(outcome) ? (outcome as Later<T>).then(f) : f(outcome as T);
}

export function toPromise<T>(outcome: Outcome<T>): Promise<T> {
  return isLater(outcome) ? (outcome as Later<T>).promise() : (promiseResolvedWith(outcome) as Promise<T>);
}

export function failed(message: string): DOMException {
  return new DOMException(message, "OperationError");
}

/** What is a string is why an operation failed. */
function checked(raw: CryptoResult): Raw {
  if (typeof raw === "string") throw failed(raw);
  return raw as Raw;
}

/** What an operation of the host is given; see native.cryptoRun. */
export interface Call {
  name?: string | undefined;
  key?: KeyHandle;
  other?: KeyHandle;
  data?: BufferSource | undefined;
  a?: BufferSource | undefined;
  b?: BufferSource | undefined;
  c?: BufferSource | undefined;
  n?: number | undefined;
  m?: number | undefined;
  o?: number | undefined;
  p?: number | undefined;
}

export function run<T>(operation: string, call: Call, finish: (raw: Raw) => T): Outcome<T> {
  const event = currentEvent();
  ObjectSetPrototypeOf(call, null); // what is not given is nowhere else
  const raw = native.cryptoRun(
    event === undefined || event.ended ? 0 : event.id,
    operation,
    call.name ?? "",
    call.key,
    call.other,
    call.data,
    call.a,
    call.b,
    call.c,
    call.n,
    call.m,
    call.o,
    call.p,
  );
  if (typeof raw === "number") return new Later(raw, finish);
  return finish(checked(raw));
}

export const toBytes = (raw: Raw): ArrayBuffer => raw as ArrayBuffer;
export const toBoolean = (raw: Raw): boolean => raw as boolean;
