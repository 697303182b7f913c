import { Suspense } from "react";
import { Await } from "react-router";

export function loader() {
  return { now: "in the shell", later: new Promise<string>((done) => setTimeout(() => done("came later"), 300)) };
}

export default function Slow({ loaderData }: { loaderData: { now: string; later: Promise<string> } }) {
  return (
    <main>
      <p>{loaderData.now}</p>
      <Suspense fallback={<p id="fallback">waiting…</p>}>
        <Await resolve={loaderData.later}>{(text) => <p id="later">{text}</p>}</Await>
      </Suspense>
    </main>
  );
}
