// A line for the log. Pure.

import { currentEvent } from "../bootstrap/context.ts";
import { native } from "../bootstrap/native.ts";

/** Writes one line to the log of the current event; after its end, to that of the worker. */
export function writeLog(level: number, text: string): void {
  const event = currentEvent();
  native.log(event === undefined || event.ended ? 0 : event.id, level, text);
}
