// queueMicrotask (https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html#microtask-queuing).

import { currentFrame, runInFrame } from "../bootstrap/context.ts";
import { reportException } from "../bootstrap/errors.ts";
import { native } from "../bootstrap/native.ts";
import { requireArguments, toCallback } from "../bootstrap/webidl.ts";

const none: readonly unknown[] = [];

// A method, since operations of the global scope are no constructors.
export const { queueMicrotask } = {
  queueMicrotask(callback: unknown): void {
    requireArguments(arguments.length, 1, "queueMicrotask");
    const task = toCallback<() => void>(callback, "queueMicrotask");
    const frame = currentFrame();
    native.enqueueMicrotask(() => {
      try {
        runInFrame(frame, task, undefined, none);
      } catch (e) {
        reportException(e);
      }
    });
  },
};
