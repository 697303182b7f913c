// Key encapsulation: ML-KEM (FIPS 203).
#include "ops/crypto/openssl_ptr.h"
#include "ops/crypto/request.h"

namespace skerry::crypto {

namespace {

bool HasKem(const Request& request, Result& result, bool is_private) {
  if (request.key != nullptr && request.key->family() == KeyFamily::kMlKem && request.key->is_private() == is_private)
    return true;
  result.Fail(Result::kWrongKey);
  return false;
}

// encapsulate: key. Gives the shared key and the ciphertext.
void Encapsulate(const Request& request, WorkControl&, Result& result) {
  if (!HasKem(request, result, false)) return;
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  size_t text_size = 0, secret_size = 0;
  if (context == nullptr || EVP_PKEY_encapsulate_init(context.get(), nullptr) <= 0 ||
      EVP_PKEY_encapsulate(context.get(), nullptr, &text_size, nullptr, &secret_size) <= 0)
    return result.Fail(Result::kInternal);
  if (!result.Allocate(request, secret_size)) return;
  if (!result.second.Allocate(request.memory, text_size)) return result.Fail(Result::kNoMemory);
  if (EVP_PKEY_encapsulate(context.get(), result.second.data(), &text_size, result.bytes.data(), &secret_size) <= 0)
    return result.Fail(Result::kInternal);
  result.kind = Result::Kind::kBytesPair;
}

// decapsulate: key, data
void Decapsulate(const Request& request, WorkControl&, Result& result) {
  if (!HasKem(request, result, true)) return;
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, request.key->pkey(), nullptr));
  size_t size = 0;
  if (context == nullptr || EVP_PKEY_decapsulate_init(context.get(), nullptr) <= 0 ||
      EVP_PKEY_decapsulate(context.get(), nullptr, &size, request.data.data, request.data.size) <= 0)
    return result.Fail("The ciphertext is not one of this algorithm.");
  if (!result.Allocate(request, size)) return;
  if (EVP_PKEY_decapsulate(context.get(), result.bytes.data(), &size, request.data.data, request.data.size) <= 0)
    return result.Fail("The ciphertext is not one of this algorithm.");
  result.bytes.Shrink(size);
}

uint64_t KemCost(const Request&) { return 200'000; }

constexpr Operation kOperations[] = {{"encapsulate", Encapsulate, KemCost}, {"decapsulate", Decapsulate, KemCost}};

}  // namespace

OperationTable KemOperations() { return {kOperations, std::size(kOperations)}; }

}  // namespace skerry::crypto
