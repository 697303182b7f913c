// ReadableStreamFromIterable (https://streams.spec.whatwg.org/#abstract-opdef-readablestreamfromiterable).

import { FunctionPrototypeCall, PromisePrototypeThen, promiseResolvedWith, SymbolAsyncIterator, SymbolIterator, TypeError } from "../../bootstrap/primordials.ts";
import { isObject } from "../../bootstrap/webidl.ts";
import { returnUndefined } from "./promises.ts";
import { createReadable, type DefaultController, type Readable } from "./readable-core.ts";

interface IteratorLike {
  next: unknown;
  return?: unknown;
}
interface StepLike {
  done?: unknown;
  value?: unknown;
}

function getMethod(v: unknown, key: PropertyKey): unknown {
  const method = (v as { [k: PropertyKey]: unknown })[key];
  if (method === undefined || method === null) return undefined;
  if (typeof method !== "function") throw new TypeError("The iterator method of the argument is not a function.");
  return method;
}

/** A stream of the items of an async or sync iterable, or of what convert makes of them. Throws what GetIterator throws. */
export function fromIterable(iterable: unknown, convert: (item: unknown) => unknown = (item) => item): Readable {
  if (iterable === undefined || iterable === null) throw new TypeError("ReadableStream.from: Argument is not iterable.");
  let method = getMethod(iterable, SymbolAsyncIterator);
  const sync = method === undefined;
  if (sync) method = getMethod(iterable, SymbolIterator);
  if (method === undefined) throw new TypeError("ReadableStream.from: Argument is not iterable.");
  const iterator = FunctionPrototypeCall<IteratorLike>(method, iterable);
  if (!isObject(iterator)) throw new TypeError("ReadableStream.from: The iterator is not an object.");
  const next = iterator.next;

  const take = (step: unknown): void => {
    if (!isObject(step)) throw new TypeError("ReadableStream.from: The result of the iterator's next() is not an object.");
    if ((step as StepLike).done) controller.close();
    else controller.enqueue(convert((step as StepLike).value));
  };
  const enqueue = (value: unknown): void => controller.enqueue(convert(value));

  // A promise also where next() gives a plain object, so that consume comes in a microtask in either case.
  const pullAsync = (): Promise<unknown> => promiseResolvedWith(FunctionPrototypeCall(next, iterator));

  // As the async iterator does that CreateAsyncFromSyncIterator makes: it awaits each value.
  const pullSync = (): Promise<unknown> => {
    const step = FunctionPrototypeCall<StepLike>(next, iterator);
    if (!isObject(step)) throw new TypeError("ReadableStream.from: The result of the iterator's next() is not an object.");
    const done = !!step.done;
    const value = step.value;
    if (done) {
      return PromisePrototypeThen(promiseResolvedWith(value), () => controller.close());
    }
    let awaited: Promise<unknown>;
    try {
      awaited = promiseResolvedWith(value);
    } catch (e) {
      closeQuietly();
      throw e;
    }
    return PromisePrototypeThen(awaited, enqueue, (e) => {
      closeQuietly();
      throw e;
    });
  };
  const closeQuietly = (): void => {
    try {
      const method = getMethod(iterator, "return");
      if (method !== undefined) FunctionPrototypeCall(method, iterator);
    } catch {
      // IteratorClose keeps the error that it is called for.
    }
  };

  const cancel = (reason: unknown): unknown => {
    const method = getMethod(iterator, "return");
    if (method === undefined) return undefined;
    const result = FunctionPrototypeCall(method, iterator, reason);
    if (sync) {
      if (!isObject(result)) throw new TypeError("ReadableStream.from: The result of the iterator's return() is not an object.");
      const done = (result as StepLike).done;
      void done;
      return PromisePrototypeThen(promiseResolvedWith((result as StepLike).value), returnUndefined);
    }
    return PromisePrototypeThen(promiseResolvedWith(result), (v) => {
      if (!isObject(v)) throw new TypeError("ReadableStream.from: The result of the iterator's return() is not an object.");
    });
  };

  const stream = createReadable(sync ? pullSync : pullAsync, cancel, 0);
  const controller = stream.controller as DefaultController;
  if (!sync) controller.consume = take;
  return stream;
}
