// Errors as Node.js makes them: with a `code`, by which programs tell them apart
// (https://nodejs.org/api/errors.html#nodejs-error-codes).

import { defineData, Error, RangeError, StringPrototypeIncludes, StringPrototypeSlice, TypeError } from "../bootstrap/primordials.ts";
import { inspect } from "../web/inspect.ts";

type ErrorClass = new (message: string) => Error;

export function nodeError(cls: ErrorClass, code: string, message: string): Error {
  const error = new cls(message);
  defineData(error, "code", code, true, true, true);
  return error;
}

/** ERR_INVALID_ARG_TYPE. expected reads like "of type string" or "an instance of EventEmitter". */
export function invalidArgType(name: string, expected: string, actual: unknown): Error {
  let received: string;
  if (actual === null || actual === undefined) received = ` Received ${actual as null}`;
  else if (typeof actual === "function") received = ` Received function ${actual.name}`;
  else if (typeof actual === "object") {
    const maker = (actual as { constructor?: { name?: unknown } }).constructor?.name;
    received = typeof maker === "string" && maker !== "" ? ` Received an instance of ${maker}` : ` Received ${inspect(actual, -1)}`;
  } else {
    let shown = inspect(actual, -1);
    if (shown.length > 28) shown = `${inspect(StringPrototypeSlice(`${actual as string}`, 0, 25), -1)}...`;
    received = ` Received type ${typeof actual} (${shown})`;
  }
  const what = StringPrototypeIncludes(name, ".") ? `"${name}" property` : `"${name}" argument`;
  return nodeError(TypeError as never, "ERR_INVALID_ARG_TYPE", `The ${what} must be ${expected}.${received}`);
}

export function outOfRange(name: string, range: string, received: unknown): Error {
  return nodeError(RangeError as never, "ERR_OUT_OF_RANGE", `The value of "${name}" is out of range. It must be ${range}. Received ${inspect(received)}`);
}

export function requireFunction(v: unknown, name: string): asserts v is (...args: never[]) => unknown {
  if (typeof v !== "function") throw invalidArgType(name, "of type function", v);
}

export function requireString(v: unknown, name: string): asserts v is string {
  if (typeof v !== "string") throw invalidArgType(name, "of type string", v);
}

/** What a function of Node.js that the platform does not have throws when it is called. */
export function notAvailable(what: string): Error {
  return nodeError(Error as never, "ERR_METHOD_NOT_IMPLEMENTED", `${what} is not available yet.`);
}
