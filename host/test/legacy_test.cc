// Holds the decoders of legacy encodings (host/ops/legacy.h) to what must be true of any bytes: a text decoded in
// pieces is the text decoded at once, with fatal or without; output stays within its capacity; any state is safe. Runs
// under the address and undefined behaviour sanitizers: `legacy_test ROUNDS`.
#include "ops/legacy.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

using skerry::Decoded;
using skerry::Encoding;

namespace {

[[noreturn]] void Fail(const char* what, Encoding encoding, const std::vector<uint8_t>& bytes) {
  std::fprintf(stderr, "encoding %d: %s:", static_cast<int>(encoding), what);
  for (uint8_t b : bytes) std::fprintf(stderr, " %02x", b);
  std::fprintf(stderr, "\n");
  std::exit(1);
}

// Decodes one piece into memory of exactly the capacity, so that the sanitizer sees what goes beyond.
Decoded Piece(Encoding encoding, uint32_t* state, std::span<const uint8_t> in, bool more, bool fatal,
              std::u16string* text) {
  const size_t capacity = skerry::LegacyCapacity(in.size());
  std::unique_ptr<char16_t[]> out(new char16_t[capacity]);
  const Decoded done = skerry::DecodeLegacy(encoding, state, in, more, fatal, out.get());
  text->append(out.get(), done.written);
  return done;
}

class Random {
 public:
  explicit Random(uint32_t seed) : source_(seed) {}
  uint32_t Below(uint32_t n) { return source_() % n; }
  uint32_t Any() { return static_cast<uint32_t>(source_()); }
  // Bytes that decoders care about come more often than others.
  std::vector<uint8_t> Bytes(uint32_t max) {
    static constexpr uint8_t kEdges[] = {0x00, 0x0e, 0x0f, 0x1b, 0x21, 0x24, 0x28, 0x30, 0x39,
                                         0x40, 0x42, 0x49, 0x4a, 0x5c, 0x7e, 0x7f, 0x80, 0x81,
                                         0x8e, 0x8f, 0xa0, 0xa1, 0xdf, 0xe0, 0xfc, 0xfe, 0xff};
    std::vector<uint8_t> bytes(Below(max + 1));
    for (uint8_t& b : bytes) b = Below(2) == 0 ? kEdges[Below(sizeof kEdges)] : static_cast<uint8_t>(Below(256));
    return bytes;
  }

 private:
  std::mt19937 source_;
};

// What TextDecoder's callers see of a stream: fatal errors begin anew at what was left.
struct Seen {
  std::u16string text;
  std::vector<size_t> errors;  // Offsets after which an error was found.
};

// All at once, or in pieces; then the end of the stream.
Seen Stream(Encoding encoding, const std::vector<uint8_t>& bytes, bool fatal, Random* cuts) {
  Seen seen;
  uint32_t state = 0;
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t left = bytes.size() - at;
    const size_t size = cuts == nullptr ? left : cuts->Below(static_cast<uint32_t>(left) + 1);
    const Decoded done = Piece(encoding, &state, {bytes.data() + at, size}, true, fatal, &seen.text);
    if (!done.error && done.read != size) Fail("bytes were left without an error", encoding, bytes);
    if (done.error && !fatal) Fail("an error that is not fatal", encoding, bytes);
    at += done.read;
    if (done.error) seen.errors.push_back(at);
    if (seen.errors.size() > bytes.size()) Fail("errors without end", encoding, bytes);
  }
  if (Piece(encoding, &state, {}, false, fatal, &seen.text).error) seen.errors.push_back(at + 1);
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 100000;
  Random random(20240607);
  for (int round = 0; round < rounds; round++) {
    const auto encoding = static_cast<Encoding>(random.Below(static_cast<uint32_t>(Encoding::kCount)));
    if (!skerry::IsLegacy(encoding)) continue;
    const std::vector<uint8_t> bytes = random.Bytes(40);
    const Seen whole = Stream(encoding, bytes, false, nullptr);
    if (Stream(encoding, bytes, false, &random).text != whole.text) Fail("pieces differ", encoding, bytes);

    const Seen strict = Stream(encoding, bytes, true, nullptr);
    const Seen pieces = Stream(encoding, bytes, true, &random);
    if (pieces.text != strict.text || pieces.errors != strict.errors) Fail("fatal pieces differ", encoding, bytes);
    std::u16string replaced;
    for (char16_t unit : whole.text) {
      if (unit != 0xfffd) replaced += unit;
    }
    std::u16string kept;
    for (char16_t unit : strict.text) {
      if (unit != 0xfffd) kept += unit;  // gb18030 has a sequence for U+FFFD.
    }
    const bool cut =
        !strict.errors.empty() && strict.errors.back() > bytes.size();  // An error at the end hides what follows it.
    if (cut ? !replaced.starts_with(kept) : replaced != kept) Fail("fatal finds another text", encoding, bytes);

    uint32_t state = random.Any();
    std::u16string ignored;
    Piece(encoding, &state, bytes, random.Below(2) == 0, random.Below(2) == 0, &ignored);
  }
  std::printf("%d random texts decoded\n", rounds);
}
