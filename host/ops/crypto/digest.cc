// Digests (FIPS 180-4, FIPS 202, RFC 1321), and cSHAKE (NIST SP 800-185).
#include <algorithm>

#include "ops/crypto/hash.h"
#include "ops/crypto/keccak.h"
#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

// digest: name, data
void Digest(const Request& request, WorkControl& control, Result& result) {
  const HashInfo* info = FindHash(request.name);
  if (info == nullptr) return result.Fail("There is no hash function of that name.");
  if (!result.Allocate(request, info->size)) return;
  Hasher hasher(*info);
  for (size_t at = 0; at < request.data.size; at += kPieceBytes) {
    if (at != 0 && !control.Continue()) return result.Fail(Result::kStopped);
    hasher.Update(request.data.data + at, std::min(kPieceBytes, request.data.size - at));
  }
  hasher.Final(result.bytes.data());
}

// cshake: name (cSHAKE128 or cSHAKE256), data, a function name, b customization, n bytes of output
void CShakeDigest(const Request& request, WorkControl& control, Result& result) {
  if (request.n > kOutputMax) return result.Fail(Result::kTooLong);
  if (!result.Allocate(request, request.n)) return;
  CShake shake(request.name == "cSHAKE128" ? 128 : 256, request.a, request.b);
  for (size_t at = 0; at < request.data.size; at += kPieceBytes) {
    if (at != 0 && !control.Continue()) return result.Fail(Result::kStopped);
    shake.Update(request.data.data + at, std::min(kPieceBytes, request.data.size - at));
  }
  if (!shake.Squeeze(result.bytes.data(), result.bytes.size())) result.Fail(Result::kInternal);
}

uint64_t DigestCost(const Request& request) { return 1000 + request.data.size * 5 / 2; }
uint64_t CShakeCost(const Request& request) { return 2000 + (request.data.size + request.n) * 5; }

constexpr Operation kOperations[] = {{"digest", Digest, DigestCost}, {"cshake", CShakeDigest, CShakeCost}};

}  // namespace

OperationTable DigestOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
