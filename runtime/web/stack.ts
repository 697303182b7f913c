// Stack traces as the authors of workers should see them. Pure.

import { append, ArrayPrototypeJoin, StringPrototypeIncludes, StringPrototypeSplit, StringPrototypeStartsWith } from "../bootstrap/primordials.ts";

/** Name of the script that this runtime layer is, in stack traces. The host gives it. */
const runtimeScript = "skerry:runtime:";

/** A stack without the frames of the platform, which are of no use to the author of a worker. */
export function withoutPlatformFrames(stack: string): string {
  if (!StringPrototypeIncludes(stack, runtimeScript)) return stack;
  const lines = StringPrototypeSplit(stack, "\n");
  const kept: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (!StringPrototypeStartsWith(line, "    at ") || !StringPrototypeIncludes(line, runtimeScript)) append(kept, line);
  }
  return ArrayPrototypeJoin(kept, "\n");
}
