// Keys from bytes and back. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "ops/crypto/key.h"

namespace skerry::crypto {

enum class KeyFormat : uint8_t { kSpki, kPkcs8, kRawPublic, kRawPrivate, kParts };

// Returns null with *error set if the bytes are no such key.
KeyRef ImportKey(const KeyKind& kind, KeyFormat format, Span bytes, const char** error);

// From the numbers and strings of a JSON Web Key, big-endian:
//   RSA: n e [d p q dp dq qi]   EC: x y [d]   OKP: x [d]   ML: public [seed]
KeyRef ImportParts(const KeyKind& kind, const std::vector<Span>& parts, const char** error);

// The parts as above. False if the key has none.
bool ExportParts(const Key& key, std::vector<std::string>* parts);
// spki, pkcs8 or raw bytes. False if the key has no such form.
bool ExportKey(const Key& key, KeyFormat format, std::string* bytes);
// The public key of a private one.
KeyRef PublicKeyOf(const Key& key);

// Sets *out to what a private key holds: bytes are wiped by the caller.
void Wipe(std::string* text);

}  // namespace skerry::crypto
