export function load() {
  throw new TypeError("a detail nobody should see");
}
