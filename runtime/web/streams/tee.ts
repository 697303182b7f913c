// ReadableStreamTee (https://streams.spec.whatwg.org/#abstract-opdef-readablestreamtee).

import { native } from "../../bootstrap/native.ts";
import { type Deferred, newDeferredFast, PromisePrototypeThen, TypedArrayPrototypeGetSymbolToStringTag } from "../../bootstrap/primordials.ts";
import { structuredCloneValue } from "../structured-clone.ts";
import { ByobReader, ByteController, cloneAsUint8Array, type ReadIntoRequest } from "./byte-core.ts";
import { ignore, nextMicrotask } from "./promises.ts";
import { createReadable, type DefaultController, DefaultReader, Readable, type ReadRequest } from "./readable-core.ts";

/** What both kinds of tee know about their branches being cancelled. */
class Cancels {
  readonly #stream: Readable;
  readonly deferred: Deferred<undefined> = newDeferredFast<undefined>();
  first = false;
  second = false;
  #reason1: unknown;
  #reason2: unknown;
  constructor(stream: Readable) {
    this.#stream = stream;
    native.markHandled(this.deferred.promise); // Nobody may have asked for it when it is rejected.
  }

  cancel1(reason: unknown): Promise<undefined> {
    this.first = true;
    this.#reason1 = reason;
    if (this.second) this.cancelStream([this.#reason1, this.#reason2]);
    return this.deferred.promise;
  }
  cancel2(reason: unknown): Promise<undefined> {
    this.second = true;
    this.#reason2 = reason;
    if (this.first) this.cancelStream([this.#reason1, this.#reason2]);
    return this.deferred.promise;
  }
  /** "Resolve cancelPromise with ReadableStreamCancel(stream, reason)" */
  cancelStream(reason: unknown): void {
    PromisePrototypeThen(this.#stream.cancel(reason), this.deferred.resolve as (v: undefined) => void, this.deferred.reject);
  }
  /** The stream is over by itself. */
  over(): void {
    if (!this.first || !this.second) this.deferred.resolve(undefined);
  }
}

/** ReadableStreamTee. The stream must not be locked: throws TypeError if it is. */
export function tee(stream: Readable, cloneForBranch2: boolean): [Readable, Readable] {
  return stream.controller.isByte ? teeBytes(stream) : teeDefault(stream, cloneForBranch2);
}

/** ReadableStreamDefaultTee */
function teeDefault(stream: Readable, cloneForBranch2: boolean): [Readable, Readable] {
  const reader = new DefaultReader(stream);
  const cancels = new Cancels(stream);
  let reading = false;
  let readAgain = false;

  const request: ReadRequest = {
    chunkSteps(chunk) {
      // In a microtask: errors of the source that are known at once must reach both branches before the chunk does.
      nextMicrotask(() => {
        readAgain = false;
        let second = chunk;
        if (!cancels.second && cloneForBranch2) {
          try {
            second = TypedArrayPrototypeGetSymbolToStringTag(chunk) === "Uint8Array" ? cloneAsUint8Array(chunk as Uint8Array) : structuredCloneValue(chunk);
          } catch (e) {
            controller1.error(e);
            controller2.error(e);
            cancels.cancelStream(e);
            return;
          }
        }
        if (!cancels.first) controller1.enqueue(chunk);
        if (!cancels.second) controller2.enqueue(second);
        reading = false;
        if (readAgain) pull();
      });
    },
    closeSteps() {
      reading = false;
      if (!cancels.first) controller1.close();
      if (!cancels.second) controller2.close();
      cancels.over();
    },
    errorSteps() {
      reading = false;
    },
  };

  const pull = (): void => {
    if (reading) {
      readAgain = true;
      return;
    }
    reading = true;
    reader.read(request);
  };

  const branch1 = createReadable(pull, (reason) => cancels.cancel1(reason));
  const branch2 = createReadable(pull, (reason) => cancels.cancel2(reason));
  const controller1 = branch1.controller as DefaultController;
  const controller2 = branch2.controller as DefaultController;
  PromisePrototypeThen(reader.closed.promise, ignore, (e) => {
    controller1.error(e);
    controller2.error(e);
    cancels.over();
  });
  return [branch1, branch2];
}

/** ReadableByteStreamTee */
function teeBytes(stream: Readable): [Readable, Readable] {
  const cancels = new Cancels(stream);
  let reader: DefaultReader | ByobReader = new DefaultReader(stream);
  let reading = false;
  let readAgain1 = false;
  let readAgain2 = false;

  const forwardError = (from: DefaultReader | ByobReader): void => {
    PromisePrototypeThen(from.closed.promise, ignore, (e) => {
      if (from !== reader) return;
      controller1.error(e);
      controller2.error(e);
      cancels.over();
    });
  };

  const fail = (e: unknown): void => {
    controller1.error(e);
    controller2.error(e);
    cancels.cancelStream(e);
  };

  const afterChunk = (): void => {
    reading = false;
    if (readAgain1) pull1();
    else if (readAgain2) pull2();
  };

  const request: ReadRequest = {
    chunkSteps(chunk) {
      nextMicrotask(() => {
        readAgain1 = readAgain2 = false;
        let second = chunk as Uint8Array;
        if (!cancels.first && !cancels.second) {
          try {
            second = cloneAsUint8Array(second);
          } catch (e) {
            fail(e);
            return;
          }
        }
        if (!cancels.first) controller1.enqueue(chunk as Uint8Array);
        if (!cancels.second) controller2.enqueue(second);
        afterChunk();
      });
    },
    closeSteps() {
      reading = false;
      if (!cancels.first) controller1.close();
      if (!cancels.second) controller2.close();
      if (controller1.pendingPullIntos > 0) controller1.respond(0);
      if (controller2.pendingPullIntos > 0) controller2.respond(0);
      cancels.over();
    },
    errorSteps() {
      reading = false;
    },
  };

  const pullWithDefaultReader = (): void => {
    if (!reader.isDefault) {
      reader.release();
      reader = new DefaultReader(stream);
      forwardError(reader);
    }
    (reader as DefaultReader).read(request);
  };

  const pullWithByobReader = (view: ArrayBufferView, forSecond: boolean): void => {
    if (reader.isDefault) {
      reader.release();
      reader = new ByobReader(stream);
      forwardError(reader);
    }
    const byob = forSecond ? controller2 : controller1;
    const other = forSecond ? controller1 : controller2;
    const into: ReadIntoRequest = {
      chunkSteps(chunk) {
        nextMicrotask(() => {
          readAgain1 = readAgain2 = false;
          const byobCanceled = forSecond ? cancels.second : cancels.first;
          const otherCanceled = forSecond ? cancels.first : cancels.second;
          if (!otherCanceled) {
            let clone: Uint8Array;
            try {
              clone = cloneAsUint8Array(chunk);
            } catch (e) {
              fail(e);
              return;
            }
            if (!byobCanceled) byob.respondWithNewView(chunk);
            other.enqueue(clone);
          } else if (!byobCanceled) byob.respondWithNewView(chunk);
          afterChunk();
        });
      },
      closeSteps(chunk) {
        reading = false;
        const byobCanceled = forSecond ? cancels.second : cancels.first;
        const otherCanceled = forSecond ? cancels.first : cancels.second;
        if (!byobCanceled) byob.close();
        if (!otherCanceled) other.close();
        if (chunk !== undefined) {
          if (!byobCanceled) byob.respondWithNewView(chunk);
          if (!otherCanceled && other.pendingPullIntos > 0) other.respond(0);
        }
        if (!byobCanceled || !otherCanceled) cancels.deferred.resolve(undefined);
      },
      errorSteps() {
        reading = false;
      },
    };
    (reader as ByobReader).read(view, 1, into);
  };

  const pull1 = (): void => {
    if (reading) {
      readAgain1 = true;
      return;
    }
    reading = true;
    const byob = controller1.byobRequest;
    if (byob === null) pullWithDefaultReader();
    else pullWithByobReader(byob.view!, false);
  };
  const pull2 = (): void => {
    if (reading) {
      readAgain2 = true;
      return;
    }
    reading = true;
    const byob = controller2.byobRequest;
    if (byob === null) pullWithDefaultReader();
    else pullWithByobReader(byob.view!, true);
  };

  const branch1 = new Readable();
  const branch2 = new Readable();
  const controller1 = new ByteController(branch1, pull1, (reason) => cancels.cancel1(reason), 0, undefined, true);
  const controller2 = new ByteController(branch2, pull2, (reason) => cancels.cancel2(reason), 0, undefined, true);
  controller1.begin(undefined);
  controller2.begin(undefined);
  forwardError(reader);
  return [branch1, branch2];
}
