// Function.prototype.toString (https://tc39.es/ecma262/#sec-function.prototype.tostring). The platform's functions are written
// in JavaScript here; to a worker they are built-in functions, whose text is that of a NativeFunction. Libraries ask: one that
// sees other text takes fetch() for a replacement of the real one.

import { native } from "./native.ts";
import { defineData, FunctionPrototype, FunctionPrototypeToString } from "./primordials.ts";

const { toString } = {
  toString(this: unknown): string {
    return native.platformSource(this) ?? FunctionPrototypeToString(this);
  },
};

/** Replaces the intrinsic method. Once, at snapshot time. */
export function installSourceText(): void {
  defineData(FunctionPrototype, "toString", toString, true, false, true);
}
