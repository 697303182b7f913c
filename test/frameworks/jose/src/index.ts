// Tokens signed, verified, encrypted and decrypted with keys of each kind.
import * as jose from "jose";

const issuer = "urn:skerry:issuer";
const audience = "urn:skerry:audience";
const secret = new TextEncoder().encode("a secret that is long enough for HMAC with SHA-512, at least 64 bytes");

async function roundTrip(alg: string): Promise<object> {
  const claims = { "urn:claim": true };
  const build = () => new jose.SignJWT(claims).setProtectedHeader({ alg }).setIssuedAt().setIssuer(issuer).setAudience(audience).setExpirationTime("2h");
  if (alg.startsWith("HS")) {
    const { payload } = await jose.jwtVerify(await build().sign(secret), secret, { issuer, audience });
    return payload;
  }
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const token = await build().sign(privateKey);
  // Out to text and in again: the formats people keep keys in.
  const spki = await jose.importSPKI(await jose.exportSPKI(publicKey), alg);
  const pkcs8 = await jose.importPKCS8(await jose.exportPKCS8(privateKey), alg);
  const jwk = await jose.exportJWK(publicKey);
  const set = jose.createLocalJWKSet({ keys: [{ ...jwk, alg, kid: await jose.calculateJwkThumbprint(jwk) }] });
  await jose.jwtVerify(await build().sign(pkcs8), spki, { issuer, audience });
  const { payload, protectedHeader } = await jose.jwtVerify(token, set, { issuer, audience });
  return { ...payload, alg: protectedHeader.alg };
}

async function encrypted(alg: string, enc: string): Promise<object> {
  const token = (key: CryptoKey | Uint8Array) => new jose.EncryptJWT({ sub: "sealed" }).setProtectedHeader({ alg, enc }).setIssuer(issuer).setExpirationTime("1m").encrypt(key);
  if (alg === "dir" || alg.startsWith("A") || alg.startsWith("PBES2")) {
    const key = alg.startsWith("PBES2") ? secret : await jose.generateSecret(alg === "dir" ? enc : alg);
    const { payload } = await jose.jwtDecrypt(await token(key), key, { issuer, keyManagementAlgorithms: [alg] });
    return payload;
  }
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const { payload } = await jose.jwtDecrypt(await token(publicKey), privateKey, { issuer });
  return payload;
}

async function failure(make: () => Promise<unknown>): Promise<object> {
  try {
    await make();
    return { accepted: true };
  } catch (e) {
    return { code: (e as jose.errors.JOSEError).code, claim: (e as { claim?: string }).claim };
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const alg = url.searchParams.get("alg") ?? "";
    switch (url.pathname) {
      case "/":
        return new Response("jose");
      case "/sign":
        return Response.json(await roundTrip(alg));
      case "/encrypt":
        return Response.json(await encrypted(alg, url.searchParams.get("enc") ?? "A256GCM"));
      case "/expired":
        return Response.json(await failure(async () => jose.jwtVerify(await new jose.SignJWT({}).setProtectedHeader({ alg: "HS256" }).setExpirationTime(1).sign(secret), secret)));
      case "/audience":
        return Response.json(await failure(async () => jose.jwtVerify(await new jose.SignJWT({}).setProtectedHeader({ alg: "HS256" }).setAudience("other").sign(secret), secret, { audience })));
      case "/forged": {
        const token = await new jose.SignJWT({ sub: "me" }).setProtectedHeader({ alg: "HS256" }).sign(secret);
        const [head, , signature] = token.split(".");
        return Response.json(await failure(() => jose.jwtVerify(`${head}.${jose.base64url.encode('{"sub":"you"}')}.${signature}`, secret)));
      }
      case "/none":
        return Response.json(await failure(() => jose.jwtVerify(new jose.UnsecuredJWT({}).encode(), secret)));
      case "/remote": {
        // The key set is fetched from the stub that the test names, and the token comes with the request.
        const keys = jose.createRemoteJWKSet(new URL(url.searchParams.get("jwks")!));
        const { payload } = await jose.jwtVerify(await request.text(), keys, { issuer });
        return Response.json(payload);
      }
    }
    return new Response("not found", { status: 404 });
  },
};
