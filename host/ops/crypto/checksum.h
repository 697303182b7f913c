// Checksums that crypto.DigestStream knows beside the hashes. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skerry::crypto {

class Checksum {
 public:
  enum class Kind : uint8_t { kNone, kCrc32, kCrc32c, kCrc64Nvme };

  // kNone if there is none of that name.
  static Kind Find(std::string_view name);
  explicit Checksum(Kind kind) : kind_(kind) {}

  void Update(const void* data, size_t size);
  // Writes the sum, big-endian, and returns its length.
  size_t Final(uint8_t* out) const;

 private:
  Kind kind_;
  uint64_t state_ = ~uint64_t{0};
};

}  // namespace skerry::crypto
