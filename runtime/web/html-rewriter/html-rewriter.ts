// HTMLRewriter (https://developers.cloudflare.com/workers/runtime-apis/html-rewriter/): handlers by selector, and the
// response whose body goes through them. Errors and their texts are those of the original platform.

import { hasCompatFlag } from "../../bootstrap/modules.ts";
import { native } from "../../bootstrap/native.ts";
import { append, copyList, TypeError } from "../../bootstrap/primordials.ts";
import { defineInterface, isObject, noMembers, toDOMString } from "../../bootstrap/webidl.ts";
import { Body, bodyUnusable, usedError } from "../fetch/body.ts";
import { bodyStream } from "../fetch/body-stream.ts";
import { isResponse, responseParts, responseWithBody } from "../fetch/response.ts";
import { createHeaders, getHeader } from "../headers.ts";
import { mimeParameter, parseMimeType } from "../mime.ts";
import { codecFor } from "./codec.ts";
import { type Handler, type HandlerSet, transformStream } from "./transform.ts";

function wrongType(method: string, index: number, type: string): never {
  throw new TypeError(`Failed to execute '${method}' on 'HTMLRewriter': parameter ${index} is not of type '${type}'.`);
}

/** A member of a dictionary of handlers. */
function toHandler(v: unknown, name: string, dictionary: string): Handler | undefined {
  if (v === undefined || typeof v === "function") return v as Handler | undefined;
  throw new TypeError(`Incorrect type for the '${name}' field on '${dictionary}': the provided value is not of type 'function'.`);
}

/** Members are read once, in the order of their names. */
function toElementHandlers(selector: string, v: unknown): HandlerSet {
  const dictionary = "ElementContentHandlers";
  const o = (v ?? noMembers) as { comments?: unknown; element?: unknown; text?: unknown };
  const comments = toHandler(v === null ? undefined : o.comments, "comments", dictionary);
  const element = toHandler(v === null ? undefined : o.element, "element", dictionary);
  const text = toHandler(v === null ? undefined : o.text, "text", dictionary);
  return { selector, self: v, element, comments, text, doctype: undefined, end: undefined };
}

function toDocumentHandlers(v: unknown): HandlerSet {
  const dictionary = "DocumentContentHandlers";
  const o = (v ?? noMembers) as { comments?: unknown; doctype?: unknown; end?: unknown; text?: unknown };
  const comments = toHandler(v === null ? undefined : o.comments, "comments", dictionary);
  const doctype = toHandler(v === null ? undefined : o.doctype, "doctype", dictionary);
  const end = toHandler(v === null ? undefined : o.end, "end", dictionary);
  const text = toHandler(v === null ? undefined : o.text, "text", dictionary);
  return { selector: undefined, self: v, element: undefined, comments, text, doctype, end };
}

export class HTMLRewriter {
  readonly #handlers: HandlerSet[] = [];

  on(selector: unknown, handlers: unknown): this {
    const known = this.#handlers;
    if (arguments.length < 1) wrongType("on", 1, "string");
    const text = toDOMString(selector);
    if (handlers !== null && !isObject(handlers)) wrongType("on", 2, "ElementContentHandlers");
    const set = toElementHandlers(text, handlers);
    const error = native.htmlSelectorError(text);
    if (error !== "") throw new TypeError(`Parser error: ${error}`);
    append(known, set);
    return this;
  }

  onDocument(handlers: unknown): this {
    const known = this.#handlers;
    if (handlers !== null && !isObject(handlers)) wrongType("onDocument", 1, "DocumentContentHandlers");
    append(known, toDocumentHandlers(handlers));
    return this;
  }

  transform(response: unknown): object {
    const handlers = this.#handlers;
    if (!isResponse(response)) wrongType("transform", 1, "Response");
    const parts = responseParts(response);
    if (parts.status === 0) throw new TypeError("HTMLRewriter cannot transform an error response");
    const { body } = parts;
    if (body === null) return response;
    if (bodyUnusable(body)) throw usedError();
    const type = getHeader(createHeaders(parts.headers, true), "content-type");
    const mime = type === null ? undefined : parseMimeType(type);
    const codec = codecFor(mime === undefined ? undefined : mimeParameter(mime, "charset"));
    // Handlers that are added later belong to later documents. The body is used up only when nothing else is wrong.
    const stream = transformStream(copyList(handlers), codec, hasCompatFlag("html_rewriter_treats_esi_include_as_void_tag"), () => bodyStream(body));
    return responseWithBody(response, new Body(undefined, stream, null));
  }
}
defineInterface(HTMLRewriter);
