// Navigator (https://html.spec.whatwg.org/multipage/system-state.html#the-navigator-object), as far as the Workers
// platform has it. userAgent is what that platform says, since libraries recognise it by this very text.

import { waitUntil } from "../bootstrap/dispatch.ts";
import { registerInspectable } from "../bootstrap/interfaces.ts";
import { native } from "../bootstrap/native.ts";
import { ObjectFreeze, PromisePrototypeThen, TypeError } from "../bootstrap/primordials.ts";
import { defineInterface, illegalConstructor, requireArguments, toUSVString } from "../bootstrap/webidl.ts";
import { discardBody } from "./fetch/body-stream.ts";
import { fetch } from "./fetch/fetch.ts";
import { responseParts } from "./fetch/response.ts";
import { isReadableStream } from "./streams/internal.ts";
import { recordProtocol } from "./url-record.ts";

const construct = {};

export class Navigator {
  #languages: readonly string[] | undefined;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }
  get userAgent(): string {
    void this.#languages;
    return "Cloudflare-Workers";
  }
  /** A worker has one thread. */
  get hardwareConcurrency(): number {
    void this.#languages;
    return 1;
  }
  get language(): string {
    void this.#languages;
    return "en";
  }
  get languages(): readonly string[] {
    this.#languages ??= ObjectFreeze(["en"]);
    return this.#languages;
  }
  get platform(): string {
    void this.#languages;
    return "";
  }

  /**
   * Beacon (https://w3c.github.io/beacon/): a POST request of which nobody hears again; the event lives until it is answered.
   * There is no queue that could be full, so that it never gives false.
   */
  sendBeacon(url: unknown, data: unknown = null): boolean {
    void this.#languages;
    const context = "Navigator.sendBeacon";
    requireArguments(arguments.length, 1, context);
    const text = toUSVString(url);
    const record = native.urlParse(text, undefined);
    if (record === undefined) throw new TypeError(`${context}: Invalid URL: ${text}`);
    const protocol = recordProtocol(record);
    if (protocol !== "http:" && protocol !== "https:") throw new TypeError(`${context}: Beacons are sent over HTTP: ${text}`);
    if (isReadableStream(data)) throw new TypeError(`${context}: A stream cannot be sent.`);
    const sent = fetch(record[0], { __proto__: null, method: "POST", body: data, redirect: "follow" });
    waitUntil(
      PromisePrototypeThen(
        sent,
        (response) => {
          const { body } = responseParts(response);
          if (body !== null) discardBody(body, undefined);
        },
        () => {},
      ),
    );
    return true;
  }
}
defineInterface(Navigator);
registerInspectable(Navigator, ["userAgent", "hardwareConcurrency", "language", "languages", "platform"]);

export const navigator: Navigator = new Navigator(construct);
