// node:path (https://nodejs.org/api/path.html): the POSIX half, which is the platform's. Pure text; the current directory is
// the one that process.cwd() names.

import { append, StringPrototypeCharCodeAt, StringPrototypeEndsWith, StringPrototypeIndexOf, StringPrototypeLastIndexOf, StringPrototypeSlice } from "../bootstrap/primordials.ts";
import { isObject } from "../bootstrap/webidl.ts";
import { invalidArgType, requireString } from "./errors.ts";

const slash = 47;
const currentDirectory = "/bundle";

/** The segments of a path without "." and with ".." taken back as far as possible; absolute: never above the root. */
function segments(path: string, absolute: boolean): string {
  const out: string[] = [];
  for (let from = 0; from <= path.length; ) {
    let end = StringPrototypeIndexOf(path, "/", from);
    if (end < 0) end = path.length;
    const segment = StringPrototypeSlice(path, from, end);
    from = end + 1;
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") append(out, segment);
    else if (out.length > 0 && out[out.length - 1] !== "..") out.length--;
    else if (!absolute) append(out, "..");
  }
  let text = "";
  for (let i = 0; i < out.length; i++) text += i === 0 ? out[i]! : `/${out[i]!}`;
  return text;
}

const isAbsolutePath = (path: string): boolean => path !== "" && StringPrototypeCharCodeAt(path, 0) === slash;

function withoutTrailing(path: string, least: number): string {
  let end = path.length;
  while (end > least && StringPrototypeCharCodeAt(path, end - 1) === slash) end--;
  return StringPrototypeSlice(path, 0, end);
}

/** Where the extension of the last segment begins: at a dot that is not its first character; its end if there is none. */
function extensionAt(base: string): number {
  const dot = StringPrototypeLastIndexOf(base, ".");
  return dot <= 0 || base === ".." ? base.length : dot;
}

function lastSegment(path: string): string {
  const trimmed = withoutTrailing(path, 0);
  return StringPrototypeSlice(trimmed, StringPrototypeLastIndexOf(trimmed, "/") + 1);
}

export const posix = {
  sep: "/",
  delimiter: ":",
  resolve(...paths: unknown[]): string {
    let resolved = "";
    let absolute = false;
    for (let i = paths.length - 1; i >= -1 && !absolute; i--) {
      const path = i >= 0 ? paths[i] : currentDirectory;
      requireString(path, `paths[${i}]`);
      if (path === "") continue;
      resolved = `${path}/${resolved}`;
      absolute = isAbsolutePath(path);
    }
    return `/${segments(resolved, true)}`;
  },
  normalize(path: unknown): string {
    requireString(path, "path");
    if (path === "") return ".";
    const absolute = isAbsolutePath(path);
    let text = segments(path, absolute);
    if (text === "" && !absolute) text = ".";
    if (text !== "" && StringPrototypeEndsWith(path, "/")) text += "/";
    return absolute ? `/${text}` : text;
  },
  isAbsolute(path: unknown): boolean {
    requireString(path, "path");
    return isAbsolutePath(path);
  },
  join(...paths: unknown[]): string {
    let joined = "";
    for (let i = 0; i < paths.length; i++) {
      const path = paths[i];
      requireString(path, "path");
      if (path !== "") joined += joined === "" ? path : `/${path}`;
    }
    return posix.normalize(joined);
  },
  relative(from: unknown, to: unknown): string {
    requireString(from, "from");
    requireString(to, "to");
    if (from === to) return "";
    const a = posix.resolve(from);
    const b = posix.resolve(to);
    if (a === b) return "";
    const one = a === "/" ? "" : a;
    const other = b === "/" ? "" : b;
    // The longest common part that ends at a segment.
    let common = 0;
    for (let i = 0; ; i++) {
      const x = i === one.length ? slash : StringPrototypeCharCodeAt(one, i);
      const y = i === other.length ? slash : StringPrototypeCharCodeAt(other, i);
      if (x !== y) break;
      if (x === slash) common = i;
      if (i === one.length || i === other.length) break;
    }
    let up = "";
    for (let i = common; i < one.length; i++) if (StringPrototypeCharCodeAt(one, i) === slash) up += up === "" ? ".." : "/..";
    const down = StringPrototypeSlice(other, common + 1);
    return up === "" ? down : down === "" ? up : `${up}/${down}`;
  },
  toNamespacedPath: (path: unknown): unknown => path,
  dirname(path: unknown): string {
    requireString(path, "path");
    if (path === "") return ".";
    const at = StringPrototypeLastIndexOf(withoutTrailing(path, 1), "/");
    if (at < 1) return isAbsolutePath(path) ? "/" : ".";
    return at === 1 && isAbsolutePath(path) ? "//" : StringPrototypeSlice(path, 0, at);
  },
  basename(path: unknown, suffix: unknown = undefined): string {
    requireString(path, "path");
    if (suffix !== undefined) requireString(suffix, "suffix");
    const base = lastSegment(path);
    if (suffix === undefined || suffix === "" || (suffix as string).length > path.length) return base;
    // As in Node.js, where these two come out so.
    if (suffix === path) return "";
    if (base === "") return path;
    if (base === suffix || !StringPrototypeEndsWith(base, suffix as string)) return base;
    return StringPrototypeSlice(base, 0, base.length - (suffix as string).length);
  },
  extname(path: unknown): string {
    requireString(path, "path");
    const base = lastSegment(path);
    return StringPrototypeSlice(base, extensionAt(base));
  },
  format(pathObject: unknown): string {
    if (!isObject(pathObject)) throw invalidArgType("pathObject", "of type object", pathObject);
    const { root, dir, base, name, ext } = pathObject as { [key: string]: string | undefined };
    const folder = dir || root;
    const dotted = ext ? `${ext[0] === "." ? "" : "."}${ext}` : "";
    const file = base || `${name || ""}${dotted}`;
    if (!folder) return file;
    return folder === root ? `${folder}${file}` : `${folder}/${file}`;
  },
  parse(path: unknown): { root: string; dir: string; base: string; ext: string; name: string } {
    requireString(path, "path");
    const root = isAbsolutePath(path) ? "/" : "";
    const base = lastSegment(path);
    const before = StringPrototypeLastIndexOf(withoutTrailing(path, 0), "/");
    const dir = base !== "" && before >= root.length ? StringPrototypeSlice(path, 0, before) : root;
    // In Node.js ".." right below the root has an extension here, and nowhere else.
    const at = base === ".." && before === 0 ? 1 : extensionAt(base);
    return { root, dir, base, ext: StringPrototypeSlice(base, at), name: StringPrototypeSlice(base, 0, at) };
  },
};
