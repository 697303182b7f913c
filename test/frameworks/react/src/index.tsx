// Server-side rendering as a stream: the page's shell first, what it waits for later, in the same response.
import { Component, createContext, Suspense, use, useContext, useId, type ReactNode } from "react";
import { renderToReadableStream, renderToString } from "react-dom/server";

const Theme = createContext("light");

function Slow({ data }: { data: Promise<string> }) {
  return <p id="slow">{use(data)}</p>;
}

function Title() {
  const theme = useContext(Theme);
  return (
    <h1 className={theme} data-id={useId()}>
      {'React <on> "Skerry"'}
    </h1>
  );
}

function Page({ children }: { children?: ReactNode }) {
  return (
    <html lang="en">
      <head>
        <title>React</title>
        <meta name="description" content="rendered on the server" />
      </head>
      <body>
        <Theme value="dark">
          <Title />
        </Theme>
        {children}
      </body>
    </html>
  );
}

async function Items({ n }: { n: number }) {
  await scheduler.wait(5);
  return (
    <ul>
      {Array.from({ length: n }, (_, i) => (
        <li key={i}>item {i}</li>
      ))}
    </ul>
  );
}

class Boundary extends Component<{ children: ReactNode }> {
  override render() {
    return this.props.children;
  }
}

const later = async (ms: number, text: string): Promise<string> => {
  await scheduler.wait(ms);
  return text;
};

function Broken(): ReactNode {
  throw new Error("in the shell");
}

const headers = { "content-type": "text/html; charset=utf-8" };

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/":
        return new Response(await renderToReadableStream(<Page />, { bootstrapModules: ["/client.js"] }), { headers });
      case "/suspense": {
        const data = later(300, "what it waited for");
        return new Response(
          await renderToReadableStream(
            <Page>
              <Suspense fallback={<p id="fallback">waiting…</p>}>
                <Slow data={data} />
              </Suspense>
            </Page>,
          ),
          { headers },
        );
      }
      case "/all": {
        const stream = await renderToReadableStream(
          <Page>
            <Suspense fallback={<p>waiting…</p>}>
              <Items n={Number(url.searchParams.get("n"))} />
            </Suspense>
          </Page>,
        );
        await stream.allReady;
        return new Response(stream, { headers });
      }
      case "/late-error": {
        const errors: string[] = [];
        const failing = later(20, "").then(() => {
          throw new Error("after the shell");
        });
        const stream = await renderToReadableStream(
          <Page>
            <Boundary>
              <Suspense fallback={<p id="fallback">the client will try again</p>}>
                <Slow data={failing} />
              </Suspense>
            </Boundary>
          </Page>,
          { onError: (e) => void errors.push(String(e)) },
        );
        await stream.allReady;
        return new Response(stream, { headers: { ...headers, "x-errors": errors.join() } });
      }
      case "/shell-error":
        try {
          return new Response(await renderToReadableStream(<Broken />, { onError: () => {} }), { headers });
        } catch (e) {
          return new Response(renderToString(<p>{`sorry: ${(e as Error).message}`}</p>), { status: 500, headers });
        }
      case "/abort": {
        const abort = new AbortController();
        const stream = await renderToReadableStream(
          <Page>
            <Suspense fallback={<p id="fallback">given up</p>}>
              <Slow data={new Promise(() => {})} />
            </Suspense>
          </Page>,
          { signal: abort.signal, onError: () => {} },
        );
        setTimeout(() => abort.abort(new Error("too slow")), 20);
        return new Response(stream, { headers });
      }
    }
    return new Response("not found", { status: 404 });
  },
};
