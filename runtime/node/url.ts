// node:url (https://nodejs.org/api/url.html): the WHATWG half and the conversions between file URLs and paths. The legacy
// url.parse is in the list of what is not available.

import { decodeURIComponent, StringPrototypeCharCodeAt, StringPrototypeEndsWith, StringPrototypeIndexOf, StringPrototypeReplaceAll, StringPrototypeSlice, TypeError } from "../bootstrap/primordials.ts";
import { isObject } from "../bootstrap/webidl.ts";
import { URLSearchParams } from "../web/url-search-params.ts";
import { URL } from "../web/url.ts";
import { invalidArgType, nodeError, requireString } from "./errors.ts";
import { posix } from "./path.ts";

export function fileURLToPath(url: unknown): string {
  const parsed = typeof url === "string" ? new URL(url) : url;
  if (!isObject(parsed) || typeof (parsed as URL).href !== "string") throw invalidArgType("path", "of type string or an instance of URL", url);
  const { protocol, hostname, pathname } = parsed as URL;
  if (protocol !== "file:") throw nodeError(TypeError as never, "ERR_INVALID_URL_SCHEME", "The URL must be of scheme file");
  if (hostname !== "") throw nodeError(TypeError as never, "ERR_INVALID_FILE_URL_HOST", 'File URL host must be "localhost" or empty on linux');
  for (let at = StringPrototypeIndexOf(pathname, "%"); at >= 0; at = StringPrototypeIndexOf(pathname, "%", at + 1)) {
    if (pathname[at + 1] === "2" && (StringPrototypeCharCodeAt(pathname, at + 2) | 0x20) === 0x66) throw nodeError(TypeError as never, "ERR_INVALID_FILE_URL_PATH", "File URL path must not include encoded / characters");
  }
  return decodeURIComponent(pathname);
}

/** What the path parser of URLs would take for something else. */
const escapes: readonly [string, string][] = [
  ["%", "%25"],
  ["\\", "%5C"],
  ["\n", "%0A"],
  ["\r", "%0D"],
  ["\t", "%09"],
  ["?", "%3F"],
  ["#", "%23"],
];

export function pathToFileURL(path: unknown): URL {
  requireString(path, "path");
  let resolved = posix.resolve(path);
  if (StringPrototypeEndsWith(path, "/") && !StringPrototypeEndsWith(resolved, "/")) resolved += "/";
  for (let i = 0; i < escapes.length; i++) resolved = StringPrototypeReplaceAll(resolved, escapes[i]![0], escapes[i]![1]);
  return new URL(`file://${resolved}`);
}

/** The options of the HTTP client of Node.js for a URL. */
export function urlToHttpOptions(url: unknown): object {
  if (!isObject(url) || typeof (url as URL).href !== "string") throw invalidArgType("url", "of type object", url);
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = url as URL;
  const options: { [name: string]: unknown } = {
    __proto__: null,
    protocol,
    hostname: hostname[0] === "[" ? StringPrototypeSlice(hostname, 1, -1) : hostname,
    hash,
    search,
    pathname,
    path: `${pathname}${search}`,
    href,
  };
  if (port !== "") options["port"] = +port;
  if (username !== "" || password !== "") options["auth"] = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return options;
}

export function domainToASCII(domain: unknown): string {
  try {
    return new URL(`ws://${domain as string}`).hostname;
  } catch {
    return "";
  }
}

export { URL, URLSearchParams };
