// One cryptographic operation: what it is given, what comes of it, and the table of those that exist. The runtime layer
// has checked what the Web Cryptography API says about keys and parameters; here everything is checked that memory
// safety and the cost of the operation depend on. Threads: a request runs on one thread, with or without V8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/job.h"
#include "ops/crypto/key.h"
#include "ops/crypto/octets.h"

namespace skerry::crypto {

// What the fields mean, each operation says; see the contract in runtime/bootstrap/native.ts.
struct Request {
  std::string_view name;  // Of a hash, a curve and the like. Points to memory that never goes.
  KeyRef key;
  KeyRef other;
  Span data, a, b, c;
  uint32_t n = 0, m = 0, o = 0, p = 0;
  Memory memory;
};

struct Result {
  enum class Kind : uint8_t { kFailed, kBytes, kBytesPair, kTrue, kFalse, kKey, kKeyPair };
  Kind kind = Kind::kFailed;
  const char* error = "The operation failed.";  // If kFailed.
  Octets bytes, second;
  KeyRef keys[2];

  void Fail(const char* why) {
    kind = Kind::kFailed;
    error = why;
  }
  void Bool(bool value) { kind = value ? Kind::kTrue : Kind::kFalse; }
  // Room for size bytes in `bytes`; fails if the isolate may not have them.
  [[nodiscard]] bool Allocate(const Request& request, size_t size) {
    if (bytes.Allocate(request.memory, size)) {
      kind = Kind::kBytes;
      return true;
    }
    Fail(kNoMemory);
    return false;
  }

  static constexpr char kTooLong[] = "The output may have at most 16 MiB.";
  static constexpr char kNoMemory[] = "There is not enough memory for the result.";
  static constexpr char kStopped[] = "The operation was stopped.";
  static constexpr char kInternal[] = "OpenSSL refused the operation.";
  static constexpr char kWrongKey[] = "The key is not one for this operation.";
};

struct Operation {
  std::string_view name;
  void (*run)(const Request& request, WorkControl& control, Result& result);
  // Nanoseconds that it takes, about, on a slow machine. Decides whether it runs at once.
  uint64_t (*cost)(const Request& request);
};

// Null if there is none of that name.
const Operation* FindOperation(std::string_view name);

// The tables of the files that have operations.
struct OperationTable {
  const Operation* begin;
  size_t size;
};
OperationTable DigestOperations();
OperationTable MacOperations();
OperationTable CipherOperations();
OperationTable RsaOperations();
OperationTable EcOperations();
OperationTable DeriveOperations();
OperationTable GenerateOperations();
OperationTable KemOperations();

// Bytes that a function of any output length gives at most: it gives them all at once.
inline constexpr size_t kOutputMax = 16 << 20;
// Bytes between two looks at the control.
inline constexpr size_t kPieceBytes = 256 << 10;

}  // namespace skerry::crypto
