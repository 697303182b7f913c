#include "ops/crypto/checksum.h"

#include <array>

namespace skerry::crypto {

namespace {

// Reflected polynomials: ISO 3309, Castagnoli (RFC 3720 §12.1), NVM Express (base specification 2.0, §8.1.6).
template <typename T, T kPolynomial>
constexpr std::array<T, 256> MakeTable() {
  std::array<T, 256> table{};
  for (size_t i = 0; i < 256; i++) {
    T value = static_cast<T>(i);
    for (int bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? (value >> 1) ^ kPolynomial : value >> 1;
    table[i] = value;
  }
  return table;
}

constexpr auto kCrc32Table = MakeTable<uint32_t, 0xedb88320>();
constexpr auto kCrc32cTable = MakeTable<uint32_t, 0x82f63b78>();
constexpr auto kCrc64Table = MakeTable<uint64_t, 0x9a6c9329ac4bc9b5>();

template <typename T>
T Run(T state, const std::array<T, 256>& table, const uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; i++) state = table[(state ^ data[i]) & 0xff] ^ (state >> 8);
  return state;
}

}  // namespace

Checksum::Kind Checksum::Find(std::string_view name) {
  if (name == "crc32") return Kind::kCrc32;
  if (name == "crc32c") return Kind::kCrc32c;
  if (name == "crc64nvme") return Kind::kCrc64Nvme;
  return Kind::kNone;
}

void Checksum::Update(const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  switch (kind_) {
    case Kind::kCrc32:
      state_ = Run(static_cast<uint32_t>(state_), kCrc32Table, bytes, size);
      return;
    case Kind::kCrc32c:
      state_ = Run(static_cast<uint32_t>(state_), kCrc32cTable, bytes, size);
      return;
    case Kind::kCrc64Nvme:
      state_ = Run(state_, kCrc64Table, bytes, size);
      return;
    case Kind::kNone:
      return;
  }
}

size_t Checksum::Final(uint8_t* out) const {
  const size_t size = kind_ == Kind::kCrc64Nvme ? 8 : 4;
  const uint64_t sum = ~state_;
  for (size_t i = 0; i < size; i++) out[i] = static_cast<uint8_t>(sum >> (8 * (size - 1 - i)));
  return size;
}

}  // namespace skerry::crypto
