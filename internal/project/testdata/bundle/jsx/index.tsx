const h = (tag: unknown, props: unknown, ...children: unknown[]) => ({ tag, props, children });
const Fragment = "fragment";
export default { fetch: () => Response.json(<><b class="x">text</b></>) };
