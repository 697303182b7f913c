// The Web Cryptography API of the runtime layer on the real operations of the host, held to published vectors. All of it
// twice: operations that have their results at once, and operations as jobs on another thread, with the arguments overwritten
// before the job runs.
//
// webcrypto/*.json are selections of the vectors of Project Wycheproof (https://github.com/C2SP/wycheproof, Apache-2.0), in its
// format; WYCHEPROOF=<its directory testvectors_v1> tries all of them. webcrypto/standards.json has vectors of RFCs and of NIST.
import { test } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { native as host } from "./support.mjs";
import { mock } from "../../runtime/testing/mock-native.ts";

for (const name of ["cryptoRun", "cryptoJob", "digest", "keyFromSecret", "keyImport", "keyExport", "keyPublic", "keyRsa", "timingSafeEqual", "base64UrlEncode", "base64UrlDecode", "digestOpen", "digestWrite", "digestClose", "byteLength"]) mock.native[name] = host[name];

const { runInFrame } = await import("../../runtime/bootstrap/context.ts");
const { crypto } = await import("../../runtime/web/crypto.ts");
const { CryptoKey } = await import("../../runtime/web/crypto/key.ts");
const { interfaceOfPrototype } = await import("../../runtime/bootstrap/interfaces.ts");
const { subtle } = crypto;

const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (b) => Buffer.from(b).toString("hex");

/** Whether operations become jobs. */
let asJobs = false;
const frame = { event: { id: 1, ended: false }, stores: undefined };

/** Calls a method; as a job, what was given is overwritten before it runs. */
function call(method, ...args) {
  if (!asJobs) return subtle[method](...args);
  const copies = args.map((a) => (ArrayBuffer.isView(a) ? new Uint8Array(a) : typeof a === "object" && a !== null && Object.getPrototypeOf(a) === Object.prototype ? copyMembers(a) : a));
  const started = runInFrame(frame, () => subtle[method](...copies), undefined, []);
  for (const a of copies) {
    if (ArrayBuffer.isView(a)) a.fill(0xa5);
    else if (typeof a === "object" && a !== null && Object.getPrototypeOf(a) === Object.prototype) for (const v of Object.values(a)) if (ArrayBuffer.isView(v)) v.fill(0xa5);
  }
  return started;
}

function copyMembers(o) {
  return Object.fromEntries(Object.entries(o).map(([k, v]) => [k, ArrayBuffer.isView(v) ? new Uint8Array(v) : v]));
}

/** Resolves to undefined if the promise rejects with one of these names. */
async function attempt(promise, names = ["OperationError", "DataError"]) {
  try {
    return await promise;
  } catch (e) {
    assert.ok(names.includes(e.name), `${e.name}: ${e.message}`);
    return undefined;
  }
}

const hmacHash = { HMACSHA1: "SHA-1", HMACSHA256: "SHA-256", HMACSHA384: "SHA-384", HMACSHA512: "SHA-512", "HMACSHA3-256": "SHA3-256" };
const raw = (name, key, usages, extra = {}) => call("importKey", "raw-secret", key, { name, ...extra }, false, usages);

/** One function for each type of test group; gives what must be true of a test, by its result. */
const groups = {
  async AeadTest(group, t, algorithm) {
    const name = algorithm === "AES-GCM" ? "AES-GCM" : "ChaCha20-Poly1305";
    if (group.keySize !== 256 && name !== "AES-GCM") return;
    const key = await raw(name, bytes(t.key), ["encrypt", "decrypt"]);
    const params = { name, iv: bytes(t.iv), additionalData: bytes(t.aad), tagLength: group.tagSize };
    const sealed = bytes(t.ct + t.tag);
    // A nonce of more than 128 bytes is beyond OpenSSL.
    if (params.iv.length > 128) return;
    const opened = await attempt(call("decrypt", params, key, sealed));
    assert.equal(opened === undefined ? undefined : hex(opened), t.result === "valid" ? t.msg : undefined);
    const again = await attempt(call("encrypt", params, key, bytes(t.msg)));
    if (t.result === "valid") assert.equal(hex(again), t.ct + t.tag);
  },
  async IndCpaTest(_group, t) {
    const key = await raw("AES-CBC", bytes(t.key), ["encrypt", "decrypt"]);
    const params = { name: "AES-CBC", iv: bytes(t.iv) };
    const opened = await attempt(call("decrypt", params, key, bytes(t.ct)));
    assert.equal(opened === undefined ? undefined : hex(opened), t.result === "valid" ? t.msg : undefined);
    if (t.result === "valid") assert.equal(hex(await call("encrypt", params, key, bytes(t.msg))), t.ct);
  },
  async KeywrapTest(_group, t) {
    // What is wrapped is a key of HMAC: that may have any length.
    const wrapping = await raw("AES-KW", bytes(t.key), ["wrapKey", "unwrapKey"]);
    const unwrapped = await attempt(call("unwrapKey", "raw-secret", bytes(t.ct), wrapping, "AES-KW", { name: "HMAC", hash: "SHA-256" }, true, ["sign"]));
    assert.equal(unwrapped === undefined ? undefined : hex(await call("exportKey", "raw", unwrapped)), t.result === "valid" ? t.msg : undefined);
    if (t.result === "valid") assert.equal(hex(await call("wrapKey", "raw", unwrapped, wrapping, "AES-KW")), t.ct);
  },
  async MacTest(group, t, algorithm) {
    const kmac = algorithm.startsWith("KMAC");
    const key = kmac ? await raw(algorithm, bytes(t.key), ["sign", "verify"]) : await raw("HMAC", bytes(t.key), ["sign", "verify"], { hash: hmacHash[algorithm] });
    const params = kmac ? { name: algorithm, length: group.tagSize } : { name: "HMAC" };
    const mac = hex(await call("sign", params, key, bytes(t.msg)));
    assert.equal(mac.slice(0, group.tagSize / 4) === t.tag, t.result === "valid");
    if (kmac || mac.length === t.tag.length) assert.equal(await call("verify", params, key, bytes(t.tag), bytes(t.msg)), t.result === "valid");
  },
  async HkdfTest(_group, t, algorithm) {
    const key = await raw("HKDF", bytes(t.ikm), ["deriveBits"]);
    const derived = await attempt(call("deriveBits", { name: "HKDF", hash: algorithm.slice(5), salt: bytes(t.salt), info: bytes(t.info) }, key, t.size * 8));
    assert.equal(derived === undefined ? undefined : hex(derived), t.result === "valid" ? t.okm : undefined);
  },
  async PbkdfTest(_group, t, algorithm) {
    if (t.iterationCount > 100_000) return;
    const key = await raw("PBKDF2", bytes(t.password), ["deriveBits"]);
    const derived = await attempt(call("deriveBits", { name: "PBKDF2", hash: hmacHash[algorithm.slice(7)], salt: bytes(t.salt), iterations: t.iterationCount }, key, t.dkLen * 8));
    assert.equal(derived === undefined ? undefined : hex(derived), t.result === "valid" ? t.dk : undefined);
  },
  async EcdsaP1363Verify(group, t) {
    const { curve } = group.publicKey;
    const namedCurve = { secp256r1: "P-256", secp384r1: "P-384", secp521r1: "P-521" }[curve];
    const key = await call("importKey", "spki", bytes(group.publicKeyDer), { name: "ECDSA", namedCurve }, true, ["verify"]);
    assert.equal(await call("verify", { name: "ECDSA", hash: group.sha }, key, bytes(t.sig), bytes(t.msg)), t.result === "valid");
    if (group.publicKeyJwk !== undefined) assert.equal((await call("exportKey", "jwk", key)).x, group.publicKeyJwk.x);
  },
  async EddsaVerify(group, t) {
    const name = group.publicKey.curve === "edwards25519" ? "Ed25519" : "Ed448";
    const key = await call("importKey", "raw", bytes(group.publicKey.pk), name, true, ["verify"]);
    assert.equal(hex(await call("exportKey", "spki", key)), group.publicKeyDer);
    assert.equal(await call("verify", name, key, bytes(t.sig), bytes(t.msg)), t.result === "valid");
  },
  async EcdhWebcryptoTest(group, t) {
    const params = { name: "ECDH", namedCurve: group.curve };
    const key = await call("importKey", "jwk", t.private, params, false, ["deriveBits"]);
    const other = await attempt(call("importKey", "jwk", t.public, params, false, []));
    const secret = other === undefined ? undefined : await attempt(call("deriveBits", { name: "ECDH", public: other }, key, null));
    if (t.result !== "acceptable") assert.equal(secret === undefined ? undefined : hex(secret), t.result === "valid" ? t.shared : undefined);
  },
  async XdhComp(group, t) {
    const name = group.curve === "curve25519" ? "X25519" : "X448";
    const size = name === "X25519" ? 32 : 56;
    const prefix = name === "X25519" ? "302e020100300506032b656e04220420" : "3046020100300506032b656f043a0438";
    const other = await attempt(call("importKey", "raw", bytes(t.public), name, false, []));
    const key = await call("importKey", "pkcs8", bytes(prefix + t.private), name, false, ["deriveBits"]);
    const secret = other === undefined ? undefined : await attempt(call("deriveBits", { name, public: other }, key, size * 8));
    // "acceptable": public keys of low order, with which the specification wants an error, and such as are not canonical.
    if (t.result === "valid" || /^0+$/.test(t.shared)) assert.equal(secret === undefined ? undefined : hex(secret), t.result === "valid" && !/^0+$/.test(t.shared) ? t.shared : undefined);
  },
  async XdhJwkComp(_group, t) {
    const name = "X25519";
    const key = await attempt(call("importKey", "jwk", t.private, name, false, ["deriveBits"]));
    const other = await attempt(call("importKey", "jwk", t.public, name, false, []));
    const secret = key === undefined || other === undefined ? undefined : await attempt(call("deriveBits", { name, public: other }, key, 256));
    if (t.result === "valid") assert.equal(hex(secret), t.shared);
    if (t.result === "invalid") assert.equal(secret, undefined);
  },
  async RsaesOaepDecrypt(group, t) {
    const key = await call("importKey", "pkcs8", bytes(group.privateKeyPkcs8), { name: "RSA-OAEP", hash: group.sha }, true, ["decrypt"]);
    const opened = await attempt(call("decrypt", { name: "RSA-OAEP", label: bytes(t.label) }, key, bytes(t.ct)));
    if (t.result !== "acceptable") assert.equal(opened === undefined ? undefined : hex(opened), t.result === "valid" ? t.msg : undefined);
    const jwk = await call("exportKey", "jwk", key);
    assert.equal(jwk.qi, group.privateKeyJwk.qi);
  },
  async RsassaPssVerify(group, t) {
    const key = await call("importKey", "spki", bytes(group.publicKeyDer), { name: "RSA-PSS", hash: group.sha }, true, ["verify"]);
    const good = await call("verify", { name: "RSA-PSS", saltLength: group.sLen }, key, bytes(t.sig), bytes(t.msg));
    if (t.result !== "acceptable") assert.equal(good, t.result === "valid");
  },
  async RsassaPkcs1Verify(group, t) {
    const key = await call("importKey", "spki", bytes(group.publicKeyDer), { name: "RSASSA-PKCS1-v1_5", hash: group.sha }, true, ["verify"]);
    const good = await call("verify", "RSASSA-PKCS1-v1_5", key, bytes(t.sig), bytes(t.msg));
    if (t.result !== "acceptable") assert.equal(good, t.result === "valid");
  },
  async MlDsaVerify(group, t, algorithm) {
    const key = await attempt(call("importKey", "raw-public", bytes(group.publicKey), algorithm, true, ["verify"]));
    const params = t.ctx === undefined ? algorithm : { name: algorithm, context: bytes(t.ctx) };
    const good = key === undefined ? false : ((await attempt(call("verify", params, key, bytes(t.sig), bytes(t.msg)))) ?? false);
    assert.equal(good, t.result === "valid");
  },
  async MlDsaSign(group, t, algorithm) {
    const key = await attempt(call("importKey", "raw-seed", bytes(group.privateSeed), algorithm, true, ["sign"]));
    if (key === undefined) return assert.equal(t.result, "invalid");
    if (group.publicKey !== undefined) assert.equal(hex(await call("exportKey", "raw-public", await call("getPublicKey", key, ["verify"]))), group.publicKey);
    const params = t.ctx === undefined ? algorithm : { name: algorithm, context: bytes(t.ctx) };
    const signature = await attempt(call("sign", params, key, bytes(t.msg ?? "")));
    // The signature is drawn with fresh randomness, so it is not the one of the vector.
    assert.equal(signature !== undefined, t.result === "valid");
  },
  async MLKEMTest(group, t) {
    const name = group.parameterSet;
    const key = await attempt(call("importKey", "raw-seed", bytes(t.seed), name, true, ["decapsulateBits"]));
    if (key === undefined) return assert.equal(t.result, "invalid");
    if (t.ek !== undefined) assert.equal(hex(await call("exportKey", "raw-public", await call("getPublicKey", key, []))), t.ek);
    const secret = await attempt(call("decapsulateBits", name, key, bytes(t.c)));
    assert.equal(secret === undefined ? undefined : hex(secret), t.result === "valid" ? t.K : undefined);
  },
};

function wycheproof(file, content) {
  for (const jobs of [false, true]) {
    test(`${file}${jobs ? ", as jobs" : ""}`, async () => {
      asJobs = jobs;
      let tried = 0;
      for (const group of content.testGroups) {
        const run = groups[group.type];
        assert.ok(run !== undefined, group.type);
        for (const t of group.tests) {
          tried++;
          try {
            await run(group, t, content.algorithm);
          } catch (e) {
            e.message = `${file} ${t.tcId} (${t.result}; ${t.comment}; ${t.flags}): ${e.message}`;
            throw e;
          }
        }
      }
      assert.ok(tried > 0);
    });
  }
}

const own = new URL("./webcrypto/", import.meta.url);
for (const file of readdirSync(own)) if (file !== "standards.json") wycheproof(file, JSON.parse(readFileSync(new URL(file, own), "utf8")));
if (process.env.WYCHEPROOF !== undefined) {
  for (const file of readdirSync(process.env.WYCHEPROOF)) {
    const content = JSON.parse(readFileSync(`${process.env.WYCHEPROOF}/${file}`, "utf8"));
    if (content.testGroups.every((g) => groups[g.type] !== undefined)) wycheproof(`full ${file}`, content);
  }
}

// ---- vectors of standards, by operation

const standards = JSON.parse(readFileSync(new URL("standards.json", own), "utf8"));
const params = (o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, typeof v === "string" && v.startsWith("hex:") ? bytes(v.slice(4)) : v]));

for (const jobs of [false, true]) {
  for (const v of standards) {
    test(`${v.source}${jobs ? ", as jobs" : ""}`, async () => {
      asJobs = jobs;
      const algorithm = typeof v.algorithm === "string" ? v.algorithm : params(v.algorithm);
      switch (v.does) {
        case "digest":
          assert.equal(hex(await call("digest", algorithm, bytes(v.data))), v.result);
          break;
        case "encrypt": {
          const key = await call("importKey", "raw-secret", bytes(v.key), v.keyAlgorithm, false, ["encrypt", "decrypt"]);
          assert.equal(hex(await call("encrypt", algorithm, key, bytes(v.data))), v.result);
          assert.equal(hex(await call("decrypt", algorithm, key, bytes(v.result))), v.data);
          break;
        }
        case "mac": {
          const key = await call("importKey", "raw-secret", bytes(v.key), v.keyAlgorithm, false, ["sign", "verify"]);
          assert.equal(hex(await call("sign", algorithm, key, bytes(v.data))), v.result);
          assert.equal(await call("verify", algorithm, key, bytes(v.result), bytes(v.data)), true);
          break;
        }
        case "derive": {
          const key = await call("importKey", "raw-secret", bytes(v.key), v.keyAlgorithm, false, ["deriveBits"]);
          assert.equal(hex(await call("deriveBits", algorithm, key, v.result.length * 4)), v.result);
          break;
        }
        case "sign": {
          const key = await call("importKey", "jwk", v.key, v.keyAlgorithm, true, ["sign"]);
          const publicKey = await call("getPublicKey", key, ["verify"]);
          assert.equal(hex(await call("sign", algorithm, key, bytes(v.data))), v.result);
          assert.equal(await call("verify", algorithm, publicKey, bytes(v.result), bytes(v.data)), true);
          break;
        }
        default:
          assert.fail(v.does);
      }
    });
  }
}

// ---- what belongs to no vector

const rsaParams = { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };

test("a job that is stopped rejects", async () => {
  asJobs = true;
  const key = await raw("PBKDF2", bytes("70"), ["deriveBits"]);
  host.stopJobs(true);
  try {
    await assert.rejects(call("deriveBits", { name: "PBKDF2", hash: "SHA-256", salt: bytes("00"), iterations: 100_000 }, key, 256), { name: "OperationError", message: /stopped/ });
    await assert.rejects(call("generateKey", rsaParams, true, ["sign"]), { name: "OperationError", message: /stopped/ });
    await assert.rejects(call("digest", "SHA-256", new Uint8Array(1 << 20)), { name: "OperationError", message: /stopped/ });
  } finally {
    host.stopJobs(false);
  }
});

test("keys are cloned, and the copy is a key of its own", async () => {
  asJobs = false;
  const key = await raw("AES-GCM", bytes("00".repeat(16)), ["encrypt", "decrypt"]);
  const copy = interfaceOfPrototype(CryptoKey.prototype).clone(key)();
  assert.ok(copy instanceof CryptoKey && copy !== key);
  assert.deepEqual([copy.type, copy.extractable, copy.algorithm, copy.usages], [key.type, key.extractable, key.algorithm, key.usages]);
  assert.equal(interfaceOfPrototype(CryptoKey.prototype).clone(Object.create(CryptoKey.prototype)), undefined);
  const iv = new Uint8Array(12);
  assert.equal(hex(await subtle.decrypt({ name: "AES-GCM", iv }, copy, await subtle.encrypt({ name: "AES-GCM", iv }, key, bytes("01")))), "01");
});

test("what a worker does to algorithm and usages changes nothing", async () => {
  const key = await raw("HMAC", bytes("01"), ["sign"], { hash: "SHA-256" });
  const before = hex(await subtle.sign("HMAC", key, bytes("00")));
  key.algorithm.hash.name = "SHA-1";
  key.algorithm.name = "AES-GCM";
  key.usages.push("verify");
  assert.equal(hex(await subtle.sign("HMAC", key, bytes("00"))), before);
  await assert.rejects(subtle.verify("HMAC", key, bytes(before), bytes("00")), { name: "InvalidAccessError" });
});

test("prototypes that a worker has changed see no secret", async () => {
  for (const jobs of [false, true]) {
    asJobs = jobs;
    const wrapping = await raw("AES-GCM", bytes("00".repeat(16)), ["wrapKey", "unwrapKey"]);
    const secret = await call("importKey", "raw", bytes("11".repeat(16)), "AES-CBC", true, ["encrypt"]);
    const iv = new Uint8Array(12);
    const seen = [];
    const trap = (target, name) => Object.defineProperty(target, name, { configurable: true, get() { seen.push([name, this]); return undefined; }, set(v) { Object.defineProperty(this, name, { value: v, writable: true, configurable: true }); } });
    for (const [o, name] of [[Object.prototype, "toJSON"], [Object.prototype, "k"], [Object.prototype, "kty"], [ArrayBuffer.prototype, "then"]]) trap(o, name);
    let unwrapped;
    try {
      for (const format of ["jwk", "raw"]) {
        const wrapped = await call("wrapKey", format, secret, wrapping, { name: "AES-GCM", iv });
        seen.length = 0;
        unwrapped = await call("unwrapKey", format, new Uint8Array(wrapped), wrapping, { name: "AES-GCM", iv }, "AES-CBC", false, ["encrypt"]);
        assert.deepEqual(seen.map(([name]) => name), [], format);
      }
    } finally {
      for (const name of ["toJSON", "k", "kty"]) delete Object.prototype[name];
      delete ArrayBuffer.prototype.then;
    }
    assert.equal(unwrapped.extractable, false);
  }
});

test("errors have the names of the specification", async () => {
  asJobs = false;
  const cases = [
    [subtle.importKey("raw", bytes("00"), "AES-GCM", true, ["encrypt"]), "DataError"],
    [subtle.importKey("raw", bytes("00".repeat(16)), "AES-GCM", true, []), "SyntaxError"],
    [subtle.importKey("raw", bytes("00".repeat(16)), "AES-GCM", true, ["sign"]), "SyntaxError"],
    [subtle.importKey("raw", bytes("00".repeat(16)), "AES-GCM", true, ["dance"]), "TypeError"],
    [subtle.importKey("row", bytes("00".repeat(16)), "AES-GCM", true, ["encrypt"]), "TypeError"],
    [subtle.importKey("spki", bytes("00".repeat(16)), "AES-GCM", true, ["encrypt"]), "NotSupportedError"],
    [subtle.importKey("raw", bytes("00".repeat(16)), "AES-CFB", true, ["encrypt"]), "NotSupportedError"],
    [subtle.importKey("raw", bytes("00".repeat(16)), "AES-\u017FHA", true, ["encrypt"]), "NotSupportedError"],
    [subtle.importKey("jwk", bytes("00".repeat(16)), "AES-GCM", true, ["encrypt"]), "TypeError"],
    [subtle.importKey("raw", { kty: "oct" }, "AES-GCM", true, ["encrypt"]), "TypeError"],
    [subtle.importKey("raw", bytes("00"), { name: "HMAC" }, true, ["sign"]), "TypeError"],
    [subtle.importKey("raw", bytes("00"), { name: "HMAC", hash: "MD5" }, true, ["sign"]), "NotSupportedError"],
    [subtle.importKey("jwk", { kty: "RSA", n: "AQAB", e: "AQAB", d: "AQAB", p: "AQAB", q: "AQAB", dp: "AQAB", dq: "AQAB", qi: "AQAB" }, { name: "RSA-PSS", hash: "SHA-256" }, true, ["sign"]), "DataError"],
    [subtle.importKey("jwk", { kty: "RSA", n: "AQAB", e: "AQAB", d: "AQAB", oth: [] }, { name: "RSA-PSS", hash: "SHA-256" }, true, ["sign"]), "NotSupportedError"],
    [subtle.exportKey("raw", await raw("AES-GCM", bytes("00".repeat(16)), ["encrypt"])), "InvalidAccessError"],
    [subtle.exportKey("raw", await raw("HKDF", bytes("00"), ["deriveBits"])), "NotSupportedError"],
    [subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, await raw("AES-GCM", bytes("00".repeat(16)), ["encrypt"]), bytes("")), "InvalidAccessError"],
    [subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(15) }, await raw("AES-CBC", bytes("00".repeat(16)), ["encrypt"]), bytes("")), "OperationError"],
    [subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(1), iterations: 100_001 }, await raw("PBKDF2", bytes("00"), ["deriveBits"]), 256), "NotSupportedError"],
    [subtle.encrypt("AES-GCM", {}, bytes("")), "TypeError"],
    [subtle.generateKey(rsaParams, true, ["sign"]), "TypeError"], // In global scope.
  ];
  for (const [promise, name] of cases) await assert.rejects(promise, (e) => (assert.equal(e.name, name, e.message), true));
  await assert.rejects(subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(1), iterations: 100_001 }, await raw("PBKDF2", bytes("00"), ["deriveBits"]), 256), /iteration counts above 100000 are not supported \(requested 100001\)/);
});

test("extras of the Workers platform", async () => {
  asJobs = false;
  assert.equal(subtle.timingSafeEqual(bytes("0102"), bytes("0102").buffer), true);
  assert.equal(subtle.timingSafeEqual(bytes("0102"), bytes("0103")), false);
  assert.throws(() => subtle.timingSafeEqual(bytes("01"), bytes("0102")), { name: "TypeError", message: "Input buffers must have the same byte length." });
  assert.throws(() => subtle.timingSafeEqual("a", "a"), TypeError);
  assert.equal(hex(await subtle.digest("md5", Buffer.from("abc"))), "900150983cd24fb0d6963f7d28e17f72");

  const pair = await runInFrame(frame, () => subtle.generateKey({ name: "NODE-ED25519", namedCurve: "NODE-ED25519" }, true, ["sign", "verify"]), undefined, []);
  assert.deepEqual(pair.publicKey.algorithm, { name: "NODE-ED25519", namedCurve: "NODE-ED25519" });
  const signature = await subtle.sign("NODE-ED25519", pair.privateKey, bytes("01"));
  const modern = await subtle.importKey("raw", await subtle.exportKey("raw", pair.publicKey), "Ed25519", true, ["verify"]);
  assert.equal(await subtle.verify("Ed25519", modern, signature, bytes("01")), true);
  assert.equal((await subtle.exportKey("jwk", pair.publicKey)).alg, "EdDSA");

  const { DigestStream } = crypto;
  for (const [name, expected] of [["SHA-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"], [{ name: "md5" }, "900150983cd24fb0d6963f7d28e17f72"], ["crc32", "352441c2"]]) {
    const stream = new DigestStream(name);
    const writer = stream.getWriter();
    void writer.write("a");
    void writer.write(new DataView(Buffer.from("xbx").buffer.slice(0), 0, 0));
    void writer.write(new Uint8Array([0x62]));
    void writer.write(new Uint8Array([0x63]).buffer);
    await writer.close();
    assert.equal(hex(await stream.digest), expected);
    assert.equal(stream.bytesWritten, 3);
  }
  const broken = new DigestStream("SHA-1");
  await assert.rejects(broken.getWriter().write(7), TypeError);
  await assert.rejects(broken.digest, TypeError);
  const aborted = new DigestStream("SHA-1");
  await aborted.abort(new Error("enough"));
  await assert.rejects(aborted.digest, /enough/);
  assert.throws(() => new DigestStream("SHA-7"), { name: "NotSupportedError" });
});
