// The hash functions (https://w3c.github.io/webcrypto/#sha, https://wicg.github.io/webcrypto-modern-algos/#sha3), and MD5, which
// Workers have.

import { NONE } from "./common.ts";
import { type Algorithm, register } from "./normalize.ts";
import { run, toBytes } from "./run.ts";

function hash(name: string): Algorithm {
  return {
    name,
    // MD5 is no hash for anything else.
    takes: name === "MD5" ? { __proto__: null as never, digest: NONE } : { __proto__: null as never, digest: NONE, hash: NONE },
    digest: (_params, data) => run("digest", { name, data }, toBytes),
  };
}

register([hash("SHA-1"), hash("SHA-256"), hash("SHA-384"), hash("SHA-512"), hash("MD5"), hash("SHA3-256"), hash("SHA3-384"), hash("SHA3-512")]);
