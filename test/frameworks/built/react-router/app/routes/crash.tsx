export function loader(): null {
  throw new Error("a detail nobody should see");
}

export default function Crash() {
  return null;
}
