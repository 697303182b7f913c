// FormData (https://xhr.spec.whatwg.org/#interface-formdata). The constructor takes no form: there is no document.

import { registerInspectable, toPairs } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { append, appendPair, MathFloor } from "../bootstrap/primordials.ts";
import { defineInterface, isObject, requireArguments, toUSVString, typeError } from "../bootstrap/webidl.ts";
import { type File, blobParts, blobSize, blobType, createFile, fileLastModified, isBlob, isFile } from "./blob.ts";
import { defineIterable } from "./iterable.ts";

export type FormDataEntryValue = string | File;

export let isFormData: (v: unknown) => v is FormData;
/** The entries, name before value. Not to be changed. */
export let formDataEntries: (form: FormData) => readonly FormDataEntryValue[];
/** A FormData that owns the list of entries, name before value. */
export let createFormData: (entries: FormDataEntryValue[]) => FormData;

export class FormData {
  #entries: FormDataEntryValue[] = [];

  constructor(form: unknown = undefined, _submitter: unknown = undefined) {
    if (form !== undefined) throw typeError("FormData", "The argument is not a form: there are no forms here.");
  }

  append(name: unknown, value: unknown, filename: unknown = undefined): void {
    const entries = this.#entries;
    requireArguments(arguments.length, 2, "FormData.append");
    const n = toUSVString(name);
    appendPair(entries, n, toEntryValue(value, filename, arguments.length, "FormData.append"));
  }

  delete(name: unknown): void {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, "FormData.delete");
    const n = toUSVString(name);
    const kept: FormDataEntryValue[] = [];
    for (let i = 0; i < entries.length; i += 2) if (entries[i] !== n) appendPair(kept, entries[i]!, entries[i + 1]!);
    this.#entries = kept;
  }

  get(name: unknown): FormDataEntryValue | null {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, "FormData.get");
    const n = toUSVString(name);
    for (let i = 0; i < entries.length; i += 2) if (entries[i] === n) return entries[i + 1]!;
    return null;
  }

  getAll(name: unknown): FormDataEntryValue[] {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, "FormData.getAll");
    const n = toUSVString(name);
    const out: FormDataEntryValue[] = [];
    for (let i = 0; i < entries.length; i += 2) if (entries[i] === n) append(out, entries[i + 1]!);
    return out;
  }

  has(name: unknown): boolean {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, "FormData.has");
    const n = toUSVString(name);
    for (let i = 0; i < entries.length; i += 2) if (entries[i] === n) return true;
    return false;
  }

  set(name: unknown, value: unknown, filename: unknown = undefined): void {
    const entries = this.#entries;
    requireArguments(arguments.length, 2, "FormData.set");
    const n = toUSVString(name);
    const v = toEntryValue(value, filename, arguments.length, "FormData.set");
    const kept: FormDataEntryValue[] = [];
    let found = false;
    for (let i = 0; i < entries.length; i += 2) {
      if (entries[i] !== n) appendPair(kept, entries[i]!, entries[i + 1]!);
      else if (!found) {
        found = true;
        appendPair(kept, n, v);
      }
    }
    if (!found) appendPair(kept, n, v);
    this.#entries = kept;
  }

  static {
    isFormData = (v): v is FormData => isObject(v) && #entries in v;
    formDataEntries = (form) => form.#entries;
    createFormData = (entries) => {
      const made = new FormData();
      made.#entries = entries;
      return made;
    };
  }
}
defineInterface(FormData);
registerInspectable(FormData, [], (o) => (isFormData(o) ? toPairs(formDataEntries(o)) : undefined));
defineIterable(FormData, (self) => formDataEntries(self));

/** The overloads of append and set, and "create an entry" (HTML). */
function toEntryValue(value: unknown, filename: unknown, given: number, context: string): FormDataEntryValue {
  if (!isBlob(value)) {
    if (given > 2 && filename !== undefined) throw typeError(context, "A file name can only be given with a Blob.");
    return toUSVString(value);
  }
  if (isFile(value)) {
    if (filename === undefined) return value;
    return createFile(blobParts(value), blobSize(value), blobType(value), toUSVString(filename), fileLastModified(value));
  }
  return createFile(blobParts(value), blobSize(value), blobType(value), filename === undefined ? "blob" : toUSVString(filename), MathFloor(native.now()));
}
