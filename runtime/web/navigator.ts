// Navigator (https://html.spec.whatwg.org/multipage/system-state.html#the-navigator-object), as far as the Workers
// platform has it. userAgent is what that platform says, since libraries recognise it by this very text.

import { registerInspectable } from "../bootstrap/interfaces.ts";
import { defineInterface, illegalConstructor } from "../bootstrap/webidl.ts";

const construct = {};

export class Navigator {
  #brand = true;

  constructor(key: unknown = undefined) {
    if (key !== construct) illegalConstructor();
  }
  get userAgent(): string {
    void this.#brand;
    return "Cloudflare-Workers";
  }
  /** A worker has one thread. */
  get hardwareConcurrency(): number {
    void this.#brand;
    return 1;
  }
  get language(): string {
    void this.#brand;
    return "en";
  }
}
defineInterface(Navigator);
registerInspectable(Navigator, ["userAgent", "hardwareConcurrency", "language"]);

export const navigator: Navigator = new Navigator(construct);
