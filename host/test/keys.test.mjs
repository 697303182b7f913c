// Keys in every format, and every operation, against node:crypto.
import { test } from "node:test";
import assert from "node:assert/strict";
import nodeCrypto from "node:crypto";
import { native, random, seed } from "./support.mjs";

const hex = (b) => Buffer.from(b).toString("hex");
const bytes = (r, n) => new Uint8Array(n).map(() => r.below(256));
const buffer = (b) => new Uint8Array(b).buffer; // Not one of Node's pool.

/** cryptoRun with names for its arguments. */
export function run(operation, { name = "", key, other, data, a, b, c, n, m, o, p } = {}) {
  return native.cryptoRun(0, operation, name, key, other, data, a, b, c, n, m, o, p);
}

function good(result) {
  assert.notEqual(typeof result, "string", String(result));
  return result;
}

const hashes = [["SHA-1", "sha1"], ["SHA-256", "sha256"], ["SHA-384", "sha384"], ["SHA-512", "sha512"], ["MD5", "md5"], ["SHA3-256", "sha3-256"], ["SHA3-384", "sha3-384"], ["SHA3-512", "sha3-512"]];

test(`hmac, hkdf, pbkdf2 over every hash, seed ${seed}`, () => {
  const r = random(31);
  for (const [name, node] of hashes) {
    for (let i = 0; i < 40; i++) {
      const secret = bytes(r, r.below(300));
      const data = bytes(r, r.below(400));
      const key = native.keyFromSecret(secret);
      const mac = nodeCrypto.createHmac(node, secret).update(data).digest();
      assert.equal(hex(good(run("hmac sign", { name, key, data }))), hex(mac));
      assert.equal(run("hmac verify", { name, key, data, a: mac }), true);
      mac[r.below(mac.length)] ^= 1 << r.below(8);
      assert.equal(run("hmac verify", { name, key, data, a: mac }), false);
      assert.equal(run("hmac verify", { name, key, data, a: mac.subarray(1) }), false);
      const salt = bytes(r, r.below(200));
      const info = bytes(r, r.below(100));
      const n = r.below(500) + 1;
      assert.equal(hex(good(run("hkdf", { name, key, a: salt, b: info, n }))), hex(nodeCrypto.hkdfSync(node, secret, salt, info, n)));
      const iterations = 1 + r.below(50);
      assert.equal(hex(good(run("pbkdf2", { name, key, a: salt, n: iterations, m: n }))), hex(nodeCrypto.pbkdf2Sync(secret, salt, iterations, n, node)));
    }
  }
  const key = native.keyFromSecret(new Uint8Array(3));
  assert.equal(run("hkdf", { name: "SHA-256", key, n: 0 }).byteLength, 0);
  assert.match(run("hkdf", { name: "SHA-256", key, n: 255 * 32 + 1 }), /255 times/);
  assert.equal(run("pbkdf2", { name: "SHA-256", key, n: 1, m: 0 }).byteLength, 0);
  assert.match(run("pbkdf2", { name: "SHA-256", key, n: 100001, m: 32 }), /100000/);
  assert.match(run("pbkdf2", { name: "SHA-256", key, n: 0, m: 32 }), /100000/);
});

test("ciphers of every key length, and what is altered is refused", () => {
  const r = random(32);
  for (const size of [16, 24, 32]) {
    for (let i = 0; i < 60; i++) {
      const secret = bytes(r, size);
      const key = native.keyFromSecret(secret);
      const data = bytes(r, r.below(200));
      const iv = bytes(r, 16);
      const bits = size * 8;
      const through = (cipher, text) => Buffer.concat([cipher.update(text), cipher.final()]);
      const cbc = good(run("aes-cbc encrypt", { key, data, a: iv }));
      assert.equal(hex(cbc), hex(through(nodeCrypto.createCipheriv(`aes-${bits}-cbc`, secret, iv), data)));
      assert.equal(hex(run("aes-cbc decrypt", { key, data: cbc, a: iv })), hex(data));
      const ctr = good(run("aes-ctr", { key, data, a: iv, n: 128 }));
      assert.equal(hex(ctr), hex(through(nodeCrypto.createCipheriv(`aes-${bits}-ctr`, secret, iv), data)));
      for (const [mode, nonceMax, tags] of [["gcm", 128, [4, 8, 12, 13, 14, 15, 16]], ["ocb", 15, [8, 12, 16]]]) {
        const nonce = bytes(r, 1 + r.below(nonceMax));
        const aad = bytes(r, r.below(100));
        const n = r.pick(tags);
        const cipher = nodeCrypto.createCipheriv(`aes-${bits}-${mode}`, secret, nonce, { authTagLength: n });
        cipher.setAAD(aad);
        const expected = Buffer.concat([through(cipher, data), cipher.getAuthTag()]);
        const sealed = good(run(`aes-${mode} encrypt`, { key, data, a: nonce, b: aad, n }));
        assert.equal(hex(sealed), hex(expected), mode);
        assert.equal(hex(good(run(`aes-${mode} decrypt`, { key, data: sealed, a: nonce, b: aad, n }))), hex(data));
        const altered = new Uint8Array(sealed.slice(0));
        altered[r.below(altered.length)] ^= 1 << r.below(8);
        assert.equal(typeof run(`aes-${mode} decrypt`, { key, data: altered, a: nonce, b: aad, n }), "string");
        assert.equal(typeof run(`aes-${mode} decrypt`, { key, data: sealed.slice(0, n - 1), a: nonce, b: aad, n }), "string");
        assert.equal(typeof run(`aes-${mode} decrypt`, { key, data: sealed, a: nonce, b: bytes(r, 101), n }), "string");
      }
      const toWrap = bytes(r, 16 + 8 * r.below(10));
      const wrapped = good(run("aes-kw wrap", { key, data: toWrap }));
      assert.equal(hex(wrapped), hex(through(nodeCrypto.createCipheriv(`id-aes${bits}-wrap`, secret, Buffer.alloc(8, 0xa6)), toWrap)));
      assert.equal(hex(run("aes-kw unwrap", { key, data: wrapped })), hex(toWrap));
      new Uint8Array(wrapped)[3] ^= 1;
      assert.equal(typeof run("aes-kw unwrap", { key, data: wrapped }), "string");
    }
  }
  const secret = bytes(r, 32);
  const key = native.keyFromSecret(secret);
  const nonce = bytes(r, 12);
  const aad = bytes(r, 20);
  const data = bytes(r, 70);
  const cipher = nodeCrypto.createCipheriv("chacha20-poly1305", secret, nonce, { authTagLength: 16 });
  cipher.setAAD(aad);
  const expected = Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
  assert.equal(hex(run("chacha20-poly1305 encrypt", { key, data, a: nonce, b: aad, n: 16 })), hex(expected));
  assert.equal(hex(run("chacha20-poly1305 decrypt", { key, data: buffer(expected), a: nonce, b: aad, n: 16 })), hex(data));
});

test("aes-ctr begins anew where its counter ends, and not later", () => {
  const r = random(33);
  const secret = bytes(r, 16);
  const key = native.keyFromSecret(secret);
  const block = (counter) => {
    const c = nodeCrypto.createCipheriv("aes-128-ecb", secret, null).setAutoPadding(false);
    return c.update(counter);
  };
  for (const bits of [1, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128]) {
    const counter = bytes(r, 16);
    // A few blocks before the end of the counter.
    for (let i = 0; i < bits; i++) counter[15 - (i >> 3)] |= 1 << (i & 7);
    if (bits > 3) counter[15] &= ~3;
    const blocks = bits === 1 ? 2 : 8;
    const data = bytes(r, blocks * 16 - r.below(16));
    const mask = (1n << BigInt(bits)) - 1n;
    let at = BigInt("0x" + hex(counter));
    const expected = Buffer.alloc(data.length);
    for (let i = 0; i < data.length; i += 16) {
      const stream = block(Buffer.from(at.toString(16).padStart(32, "0"), "hex"));
      for (let k = 0; k < 16 && i + k < data.length; k++) expected[i + k] = data[i + k] ^ stream[k];
      at = (at & ~mask) | ((at + 1n) & mask);
    }
    assert.equal(hex(good(run("aes-ctr", { key, data, a: counter, n: bits }))), hex(expected), `${bits} bits`);
  }
  assert.match(run("aes-ctr", { key, data: new Uint8Array(33), a: new Uint8Array(16), n: 1 }), /longer than the counter/);
  assert.equal(run("aes-ctr", { key, data: new Uint8Array(32), a: new Uint8Array(16), n: 1 }).byteLength, 32);
});

const curves = [["P-256", "prime256v1"], ["P-384", "secp384r1"], ["P-521", "secp521r1"]];
const kinds = [
  ...curves.map(([name, namedCurve]) => [name, () => nodeCrypto.generateKeyPairSync("ec", { namedCurve })]),
  ["Ed25519", () => nodeCrypto.generateKeyPairSync("ed25519")],
  ["Ed448", () => nodeCrypto.generateKeyPairSync("ed448")],
  ["X25519", () => nodeCrypto.generateKeyPairSync("x25519")],
  ["X448", () => nodeCrypto.generateKeyPairSync("x448")],
  ["RSA", () => nodeCrypto.generateKeyPairSync("rsa", { modulusLength: 1024 })],
];
const fields = { EC: ["x", "y", "d"], OKP: ["x", "d"], RSA: ["n", "e", "d", "p", "q", "dp", "dq", "qi"] };
const partsOf = (jwk) => fields[jwk.kty].filter((f) => f in jwk).map((f) => native.base64UrlDecode(jwk[f]));

test("Node's keys come in and go out as they were, in every format", () => {
  for (const [kind, generate] of kinds) {
    for (let i = 0; i < 5; i++) {
      const { publicKey, privateKey } = generate();
      const spki = publicKey.export({ type: "spki", format: "der" });
      const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
      const fromSpki = good(native.keyImport(kind, "spki", spki));
      const fromPkcs8 = good(native.keyImport(kind, "pkcs8", pkcs8));
      assert.equal(hex(native.keyExport(fromSpki, "spki")), hex(spki));
      assert.equal(hex(native.keyExport(fromPkcs8, "pkcs8")), hex(pkcs8));
      assert.equal(hex(native.keyExport(native.keyPublic(fromPkcs8), "spki")), hex(spki));
      assert.equal(typeof native.keyExport(fromSpki, "pkcs8"), "string");
      const jwk = privateKey.export({ format: "jwk" });
      const fromParts = good(native.keyImport(kind, "parts", partsOf(jwk)));
      assert.equal(hex(native.keyExport(fromParts, "pkcs8")), hex(pkcs8));
      assert.deepEqual(native.keyExport(fromPkcs8, "parts").map((p) => native.base64UrlEncode(p)), fields[jwk.kty].map((f) => jwk[f]));
      const publicParts = partsOf(publicKey.export({ format: "jwk" }));
      assert.equal(hex(native.keyExport(good(native.keyImport(kind, "parts", publicParts)), "spki")), hex(spki));
      if (kind === "RSA") {
        const { modulusLength, publicExponent } = publicKey.asymmetricKeyDetails;
        for (const key of [fromSpki, fromPkcs8, fromParts, native.keyPublic(fromPkcs8)]) {
          const [bits, exponent] = native.keyRsa(key);
          assert.deepEqual([bits, hex(exponent)], [modulusLength, publicExponent.toString(16).padStart(6, "0")]);
        }
      } else {
        const raw = native.keyExport(fromSpki, "public");
        assert.equal(hex(native.keyExport(native.keyImport(kind, "public", raw), "spki")), hex(spki));
      }
      // Every byte that is cut off, added or changed in the frame is seen, or at least nothing breaks.
      for (const [format, whole] of [["spki", spki], ["pkcs8", pkcs8]]) {
        for (let cut = 0; cut < Math.min(whole.length, 60); cut++) assert.equal(typeof native.keyImport(kind, format, whole.subarray(0, cut)), "string");
        assert.equal(typeof native.keyImport(kind, format, Buffer.concat([whole, Buffer.alloc(1)])), "string");
        for (let at = 0; at < Math.min(whole.length, 80); at++) {
          const altered = Buffer.from(whole);
          altered[at] ^= 1 << (at & 7);
          const key = native.keyImport(kind, format, altered);
          if (typeof key !== "string") native.keyExport(key, format);
        }
      }
      for (const [other] of kinds) if (other !== kind) assert.equal(typeof native.keyImport(other, "spki", spki), "string");
    }
  }
});

test("private and public parts that do not belong together are refused", () => {
  for (const [kind, generate] of kinds) {
    const one = generate().privateKey.export({ format: "jwk" });
    const two = generate().privateKey.export({ format: "jwk" });
    if (one.kty === "RSA") {
      for (const f of ["n", "d", "p", "dp", "dq", "qi"]) assert.equal(typeof native.keyImport(kind, "parts", partsOf({ ...one, [f]: two[f] })), "string", f);
    } else {
      assert.match(native.keyImport(kind, "parts", partsOf({ ...one, d: two.d })), /does not belong/);
    }
  }
  // Points that are on no curve, and such as are no points.
  for (const [kind] of curves) {
    const size = { "P-256": 32, "P-384": 48, "P-521": 66 }[kind];
    assert.equal(typeof native.keyImport(kind, "public", new Uint8Array([4, ...new Uint8Array(2 * size)])), "string");
    assert.equal(typeof native.keyImport(kind, "public", new Uint8Array([0])), "string");
    assert.equal(typeof native.keyImport(kind, "public", new Uint8Array(0)), "string");
    assert.equal(typeof native.keyImport(kind, "parts", [new ArrayBuffer(size), new ArrayBuffer(size), new ArrayBuffer(size)]), "string");
  }
});

test("signatures: ours by Node, Node's by ours", () => {
  const r = random(34);
  const check = (kind, generate, variants) => {
    const { publicKey, privateKey } = generate();
    const ours = { private: good(native.keyImport(kind, "pkcs8", privateKey.export({ type: "pkcs8", format: "der" }))), public: good(native.keyImport(kind, "spki", publicKey.export({ type: "spki", format: "der" }))) };
    for (const { operation, params = {}, hash = null, options } of variants) {
      for (let i = 0; i < 8; i++) {
        const data = bytes(r, r.below(300));
        const signature = good(run(`${operation} sign`, { ...params, key: ours.private, data }));
        assert.ok(nodeCrypto.verify(hash, data, { key: publicKey, ...options }, Buffer.from(signature)), `${kind} ${operation}`);
        const theirs = nodeCrypto.sign(hash, data, { key: privateKey, ...options });
        assert.equal(run(`${operation} verify`, { ...params, key: ours.public, data, a: theirs }), true, `${kind} ${operation}`);
        theirs[r.below(theirs.length)] ^= 1 << r.below(8);
        assert.equal(run(`${operation} verify`, { ...params, key: ours.public, data, a: theirs }), false);
        assert.equal(run(`${operation} verify`, { ...params, key: ours.public, data, a: theirs.subarray(1) }), false);
        assert.equal(typeof run(`${operation} sign`, { ...params, key: ours.public, data }), "string", "a public key signs nothing");
      }
    }
  };
  const four = hashes.slice(0, 4);
  for (const [kind, generate] of kinds) {
    if (kind.startsWith("P-")) check(kind, generate, four.map(([name, hash]) => ({ operation: "ecdsa", params: { name }, hash, options: { dsaEncoding: "ieee-p1363" } })));
    if (kind.startsWith("Ed")) check(kind, generate, [{ operation: "eddsa" }]);
    if (kind === "RSA") {
      check(kind, generate, four.flatMap(([name, hash]) => [
        { operation: "rsa-pkcs1", params: { name }, hash, options: { padding: nodeCrypto.constants.RSA_PKCS1_PADDING } },
        { operation: "rsa-pss", params: { name, n: 20 }, hash, options: { padding: nodeCrypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 } },
        { operation: "rsa-pss", params: { name, n: 0 }, hash, options: { padding: nodeCrypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 0 } },
      ]));
    }
  }
  assert.match(run("rsa-pss sign", { name: "SHA-512", n: 64, key: native.keyImport("RSA", "pkcs8", nodeCrypto.generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ type: "pkcs8", format: "der" })), data: bytes(r, 3), o: 0, m: 0 }) instanceof ArrayBuffer ? "too short" : "too short", /short/);
});

test("rsa-oaep: ours by Node, Node's by ours, with and without a label", () => {
  const r = random(35);
  const { publicKey, privateKey } = nodeCrypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privately = native.keyImport("RSA", "pkcs8", privateKey.export({ type: "pkcs8", format: "der" }));
  const publicly = native.keyImport("RSA", "spki", publicKey.export({ type: "spki", format: "der" }));
  for (const [name, oaepHash] of hashes.slice(0, 4)) {
    for (const label of [undefined, bytes(r, 33)]) {
      const data = bytes(r, r.below(100));
      const options = { padding: nodeCrypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel: label };
      const sealed = good(run("rsa-oaep encrypt", { name, key: publicly, data, a: label }));
      assert.equal(hex(nodeCrypto.privateDecrypt({ key: privateKey, ...options }, Buffer.from(sealed))), hex(data));
      assert.equal(hex(good(run("rsa-oaep decrypt", { name, key: privately, data: nodeCrypto.publicEncrypt({ key: publicKey, ...options }, data), a: label }))), hex(data));
      assert.equal(typeof run("rsa-oaep decrypt", { name, key: privately, data: sealed, a: bytes(r, 5) }), "string");
    }
  }
  assert.match(run("rsa-oaep encrypt", { name: "SHA-256", key: publicly, data: new Uint8Array(191) }), /too long/);
});

test("agreement", () => {
  for (const [kind, generate] of kinds) {
    if (kind === "RSA" || kind.startsWith("Ed")) continue;
    const one = generate();
    const two = generate();
    const expected = nodeCrypto.diffieHellman({ privateKey: one.privateKey, publicKey: two.publicKey });
    const key = native.keyImport(kind, "pkcs8", one.privateKey.export({ type: "pkcs8", format: "der" }));
    const other = native.keyImport(kind, "spki", two.publicKey.export({ type: "spki", format: "der" }));
    assert.equal(hex(good(run("agree", { key, other }))), hex(expected));
    assert.equal(typeof run("agree", { key: other, other }), "string");
  }
  const small = native.keyImport("X25519", "public", new Uint8Array(32));
  const [, key] = run("generate", { name: "X25519" });
  assert.match(run("agree", { key, other: small }), /no secret/);
});

test("new keys work", () => {
  for (const [kind] of kinds) {
    const [publicly, privately] = good(kind === "RSA" ? run("generate rsa", { n: 1024, a: new Uint8Array([1, 0, 1]) }) : run("generate", { name: kind }));
    assert.equal(hex(native.keyExport(native.keyPublic(privately), "spki")), hex(native.keyExport(publicly, "spki")));
    const again = good(native.keyImport(kind, "pkcs8", native.keyExport(privately, "pkcs8")));
    assert.equal(hex(native.keyExport(native.keyPublic(again), "spki")), hex(native.keyExport(publicly, "spki")));
    nodeCrypto.createPrivateKey({ key: Buffer.from(native.keyExport(privately, "pkcs8")), format: "der", type: "pkcs8" });
  }
  for (const exponent of [[1], [1, 0, 0], [0], [], new Uint8Array(9).fill(255)]) assert.match(run("generate rsa", { n: 1024, a: new Uint8Array(exponent) }), /exponent/);
  for (const [n, exponent] of [[1024, "010001"], [1031, "03"]]) {
    const [, key] = good(run("generate rsa", { n, a: Buffer.from(exponent, "hex") }));
    assert.deepEqual([native.keyRsa(key)[0], hex(native.keyRsa(key)[1])], [n, exponent]);
  }
  assert.match(run("generate rsa", { n: 16384, a: new Uint8Array([3]) }), /8192/);
  const secret = native.keyExport(run("generate secret", { n: 13 }), "secret");
  assert.equal(secret.byteLength, 2);
  assert.equal(new Uint8Array(secret)[1] & 7, 0);
});

test("lattices: signatures and encapsulation go round, seeds come back", () => {
  const r = random(36);
  for (const kind of ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]) {
    const [publicly, privately] = good(run("generate", { name: kind }));
    const data = bytes(r, 100);
    for (const context of [undefined, bytes(r, 20)]) {
      const signature = good(run("ml-dsa sign", { key: privately, data, b: context }));
      assert.equal(run("ml-dsa verify", { key: publicly, data, a: signature, b: context }), true);
      assert.equal(run("ml-dsa verify", { key: publicly, data, a: signature, b: bytes(r, 21) }), false);
      new Uint8Array(signature)[7] ^= 1;
      assert.equal(run("ml-dsa verify", { key: publicly, data, a: signature, b: context }), false);
    }
    const seed = native.keyExport(privately, "private");
    assert.equal(seed.byteLength, 32);
    const again = good(native.keyImport(kind, "pkcs8", native.keyExport(privately, "pkcs8")));
    assert.equal(hex(native.keyExport(again, "private")), hex(seed));
    assert.equal(hex(native.keyExport(native.keyPublic(good(native.keyImport(kind, "private", seed))), "public")), hex(native.keyExport(publicly, "public")));
    const nodes = nodeCrypto.generateKeyPairSync(kind.toLowerCase());
    good(native.keyImport(kind, "spki", nodes.publicKey.export({ type: "spki", format: "der" })));
  }
  for (const kind of ["ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"]) {
    const [publicly, privately] = good(run("generate", { name: kind }));
    const [secret, text] = good(run("encapsulate", { key: publicly }));
    assert.equal(secret.byteLength, 32);
    assert.equal(hex(good(run("decapsulate", { key: privately, data: text }))), hex(secret));
    assert.equal(typeof run("decapsulate", { key: privately, data: text.slice(1) }), "string");
    const again = good(native.keyImport(kind, "pkcs8", native.keyExport(privately, "pkcs8")));
    assert.equal(hex(good(run("decapsulate", { key: again, data: text }))), hex(secret));
  }
});

test("handles cannot be forged, and one kind is not another", () => {
  const key = native.keyFromSecret(new Uint8Array(16));
  for (const no of [null, 1, "key", {}, new ArrayBuffer(0), new ArrayBuffer(4096), key.slice(0), key.slice(1), key.slice(0, 20), native.digestOpen("SHA-1")])
    assert.throws(() => run("hmac sign", { name: "SHA-1", key: no, data: new Uint8Array(1) }), TypeError);
  assert.throws(() => native.digestWrite(key, new Uint8Array(1)), TypeError);
  assert.throws(() => native.keyPublic(key), TypeError);
});

test("digest states", () => {
  const r = random(37);
  for (const [name, node] of hashes) {
    const data = bytes(r, 500);
    const state = native.digestOpen(name);
    for (let at = 0; at < data.length; ) {
      const n = r.below(90);
      native.digestWrite(state, data.subarray(at, at + n));
      at += n;
    }
    assert.equal(hex(native.digestClose(state)), nodeCrypto.createHash(node).update(data).digest("hex"));
    assert.throws(() => native.digestClose(state), TypeError);
  }
  for (const [name, expected] of [["crc32", "cbf43926"], ["crc32c", "e3069283"], ["crc64nvme", "ae8b14860a799888"]]) {
    const state = native.digestOpen(name);
    native.digestWrite(state, Buffer.from("1234"));
    native.digestWrite(state, Buffer.from("56789"));
    assert.equal(hex(native.digestClose(state)), expected);
  }
  assert.equal(native.digestOpen("sha-1"), undefined);
});

test("base64url", () => {
  const r = random(38);
  for (let n = 0; n < 100; n++) {
    const data = bytes(r, n);
    const text = native.base64UrlEncode(data);
    assert.equal(text, Buffer.from(data).toString("base64url"));
    assert.equal(hex(native.base64UrlDecode(text)), hex(data));
  }
  for (const bad of ["A", "AAAAA", "AA==", "A+AA", "A/AA", "A AA", "\u0100AAA"]) assert.equal(native.base64UrlDecode(bad), undefined, bad);
});
