// DOMException and QuotaExceededError (https://webidl.spec.whatwg.org/#idl-exceptions).
//
// An instance is a genuine Error object (it has [[ErrorData]], and V8 gives it a stack), but the interface object does
// not inherit from Error's constructor, only its prototype does. So the constructor returns an Error made for
// new.target, on which the private state is stamped.

import { registerCloner } from "../bootstrap/interfaces.ts";
import { defineConstants, defineInterface, illegalInvocation, isObject, noMembers, toDOMString, toDouble, typeError } from "../bootstrap/webidl.ts";
import { Error, ErrorPrototype, ObjectSetPrototypeOf, RangeError, ReflectConstruct } from "../bootstrap/primordials.ts";

// Legacy code of each name, in the order of the constants.
const codes: { readonly [name: string]: number } = {
  __proto__: null as never,
  IndexSizeError: 1,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25,
};

class Returned {
  constructor(o: object) {
    return o;
  }
}

export let isDOMException: (v: unknown) => v is DOMException;
let parts: (v: unknown) => { name: string; message: string; code: number };

/** The private state, stamped on an Error object. */
class Parts extends Returned {
  #name: string;
  #message: string;
  #code: number;
  constructor(error: object, message: string, name: string, code: number) {
    super(error);
    this.#name = name;
    this.#message = message;
    this.#code = code;
  }
  static {
    isDOMException = (v): v is DOMException => isObject(v) && #name in v;
    parts = (v) => {
      if (!isObject(v) || !(#name in v)) illegalInvocation();
      const p = v as Parts;
      return { name: p.#name, message: p.#message, code: p.#code };
    };
  }
}

/** What structured clone stores of one. */
export const domExceptionParts = (v: DOMException): { name: string; message: string; code: number } => parts(v);

export class DOMException {
  declare readonly stack: string;
  declare static readonly INDEX_SIZE_ERR: number;

  constructor(message: unknown = "", name: unknown = "Error") {
    const text = toDOMString(message);
    const kind = toDOMString(name);
    const error = ReflectConstruct(Error, [], new.target) as object;
    new Parts(error, text, kind, codes[kind] ?? 0);
    return error as DOMException;
  }

  get name(): string {
    return parts(this).name;
  }
  get message(): string {
    return parts(this).message;
  }
  get code(): number {
    return parts(this).code;
  }
}

ObjectSetPrototypeOf(DOMException.prototype, ErrorPrototype);
defineInterface(DOMException);
defineConstants(DOMException, {
  INDEX_SIZE_ERR: 1,
  DOMSTRING_SIZE_ERR: 2,
  HIERARCHY_REQUEST_ERR: 3,
  WRONG_DOCUMENT_ERR: 4,
  INVALID_CHARACTER_ERR: 5,
  NO_DATA_ALLOWED_ERR: 6,
  NO_MODIFICATION_ALLOWED_ERR: 7,
  NOT_FOUND_ERR: 8,
  NOT_SUPPORTED_ERR: 9,
  INUSE_ATTRIBUTE_ERR: 10,
  INVALID_STATE_ERR: 11,
  SYNTAX_ERR: 12,
  INVALID_MODIFICATION_ERR: 13,
  NAMESPACE_ERR: 14,
  INVALID_ACCESS_ERR: 15,
  VALIDATION_ERR: 16,
  TYPE_MISMATCH_ERR: 17,
  SECURITY_ERR: 18,
  NETWORK_ERR: 19,
  ABORT_ERR: 20,
  URL_MISMATCH_ERR: 21,
  QUOTA_EXCEEDED_ERR: 22,
  TIMEOUT_ERR: 23,
  INVALID_NODE_TYPE_ERR: 24,
  DATA_CLONE_ERR: 25,
});

registerCloner(DOMException, (o) => {
  if (!isDOMException(o)) return undefined;
  const { name, message } = domExceptionParts(o);
  return () => new DOMException(message, name);
});

/** Options that make an error like this one; undefined if it is none of these. */
let amountsOf: (v: object) => object | undefined;

/** https://webidl.spec.whatwg.org/#quotaexceedederror */
export class QuotaExceededError extends DOMException {
  #quota: number | null;
  #requested: number | null;

  constructor(message: unknown = "", options: unknown = undefined) {
    const context = "QuotaExceededError";
    if (options !== undefined && options !== null && !isObject(options)) throw typeError(context, "options is not an object.");
    const { quota, requested } = (options ?? noMembers) as { quota?: unknown; requested?: unknown };
    super(message, "QuotaExceededError");
    this.#quota = amount(quota, "quota");
    this.#requested = amount(requested, "requested");
    if (this.#quota !== null && this.#requested !== null && this.#requested < this.#quota) throw new RangeError("QuotaExceededError: requested must not be less than quota.");
  }

  static {
    amountsOf = (v) => (#quota in v ? { __proto__: null, quota: v.#quota ?? undefined, requested: v.#requested ?? undefined } : undefined);
  }

  get quota(): number | null {
    if (!(#quota in this)) illegalInvocation();
    return this.#quota;
  }
  get requested(): number | null {
    if (!(#requested in this)) illegalInvocation();
    return this.#requested;
  }
}
defineInterface(QuotaExceededError);
registerCloner(QuotaExceededError, (o) => {
  const amounts = amountsOf(o);
  if (amounts === undefined) return undefined;
  const { message } = domExceptionParts(o as DOMException);
  return () => new QuotaExceededError(message, amounts);
});

function amount(v: unknown, what: string): number | null {
  if (v === undefined) return null;
  const n = toDouble(v, `QuotaExceededError: ${what}`);
  if (n < 0) throw new RangeError(`QuotaExceededError: ${what} must not be negative.`);
  return n;
}
