// The module "cloudflare:workers": base classes that the platform recognises, and what the running event offers without
// its handler's arguments. A class export that extends WorkerEntrypoint and has a fetch method can be the default export
// of a worker. Durable Objects, workflows and calls between workers do not exist yet: their base classes can be extended,
// so that modules which declare them load, but not instantiated.

import { ObjectGetPrototypeOf, TypeError } from "../bootstrap/primordials.ts";

export class WorkerEntrypoint {
  ctx: unknown;
  env: unknown;
  constructor(ctx: unknown, env: unknown) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class DurableObject {
  ctx: unknown;
  env: unknown;
  constructor() {
    throw new TypeError("Durable Objects are not supported yet: a class that extends DurableObject cannot be instantiated.");
  }
}

export class WorkflowEntrypoint {
  ctx: unknown;
  env: unknown;
  constructor() {
    throw new TypeError("Workflows are not supported yet: a class that extends WorkflowEntrypoint cannot be instantiated.");
  }
}

/** A marker: its instances cannot be sent anywhere yet, since there are no calls between workers. */
export class RpcTarget {}

/** Whether a class extends WorkerEntrypoint. */
export function isWorkerEntrypoint(cls: object): boolean {
  let at: object | null = cls;
  while (at !== null && at !== WorkerEntrypoint) at = ObjectGetPrototypeOf(at);
  return at !== null;
}
