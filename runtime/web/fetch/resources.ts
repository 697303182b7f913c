// What belongs to a running event and dies with it: inbound bodies, outbound bodies, calls. The host forgets them when the
// event ends, without a word; endEventResources makes the runtime forget them too.

import type { EventState } from "../../bootstrap/context.ts";
import { Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet, Set, SetPrototypeAdd, SetPrototypeDelete, SetPrototypeForEach } from "../../bootstrap/primordials.ts";

export interface Resource {
  /** The event is over. No operation may be called for the resource any more, and nothing will come for it. */
  eventEnded(): void;
}

const byEvent = new Map<number, Set<Resource>>();

export function addResource(event: EventState, resource: Resource): void {
  const set = MapPrototypeGet(byEvent, event.id);
  if (set !== undefined) SetPrototypeAdd(set, resource);
  else MapPrototypeSet(byEvent, event.id, SetPrototypeAdd(new Set<Resource>(), resource));
}

export function removeResource(event: EventState, resource: Resource): void {
  const set = MapPrototypeGet(byEvent, event.id);
  if (set !== undefined) SetPrototypeDelete(set, resource);
}

/** To be called once when an event ends, however it ends. */
export function endEventResources(event: { readonly id: number }): void {
  const set = MapPrototypeGet(byEvent, event.id);
  if (set === undefined) return;
  MapPrototypeDelete(byEvent, event.id);
  SetPrototypeForEach(set, (resource) => resource.eventEnded());
}
