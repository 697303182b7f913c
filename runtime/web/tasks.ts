// Tasks (https://html.spec.whatwg.org/multipage/webappapis.html#queue-a-task) that are due at once: messages of ports,
// records of performance observers, events of an EventSource. They run one after the other, each with its microtasks
// after it, in the order in which they were queued.
//
// A task belongs to an event, as a timer does: it keeps the event from hanging, is billed to it, and is dropped when the
// event is over. In global scope there is no event and nothing that could run a task: there it is a microtask.

import { type AsyncFrame, currentFrame, type EventState, runInFrame } from "../bootstrap/context.ts";
import { native } from "../bootstrap/native.ts";
import { Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet } from "../bootstrap/primordials.ts";
import { addResource, type Resource } from "./fetch/resources.ts";
import { setPlatformTimeout } from "./timers.ts";

interface Task {
  readonly run: () => void;
  readonly frame: AsyncFrame;
  next: Task | undefined;
}

/** The tasks of one event. One timer of the host stands for all of them. */
class TaskQueue implements Resource {
  readonly #event: EventState;
  #first: Task | undefined;
  #last: Task | undefined;

  constructor(event: EventState) {
    this.#event = event;
    MapPrototypeSet(queues, event.id, this);
    addResource(event, this);
  }

  push(task: Task): void {
    if (this.#last === undefined) this.#first = task;
    else this.#last.next = task;
    if (this.#last === undefined) this.#arm();
    this.#last = task;
  }

  #arm(): void {
    setPlatformTimeout(this.#event, () => this.#step(), 0);
  }

  #step(): void {
    const task = this.#first;
    if (task === undefined) return;
    this.#first = task.next;
    if (task.next === undefined) this.#last = undefined;
    else this.#arm();
    runInFrame(task.frame, task.run, undefined, none);
  }

  eventEnded(): void {
    this.#first = this.#last = undefined;
    MapPrototypeDelete(queues, this.#event.id);
  }
}

const none: readonly unknown[] = [];
const queues = new Map<number, TaskQueue>();

/**
 * Runs fn as a task of its own. It belongs to the event of frame or, when that is over or there was none, to the event
 * that runs now. fn must not throw.
 */
export function queueTask(fn: () => void, frame: AsyncFrame | undefined = currentFrame()): void {
  let owner = frame;
  if (owner?.event === undefined || owner.event.ended) owner = currentFrame();
  const event = owner?.event;
  if (event === undefined) native.enqueueMicrotask(() => runInFrame(owner, fn, undefined, none));
  else if (!event.ended) (MapPrototypeGet(queues, event.id) ?? new TaskQueue(event)).push({ run: fn, frame: owner!, next: undefined });
}
