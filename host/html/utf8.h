// UTF-8 that arrives in pieces and may be broken: what TextDecoder would make of it, again as UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

#include "html/memory.h"

namespace skerry::html {

class Utf8Repair {
 public:
  explicit Utf8Repair(Budget& budget) : text_(budget) {}

  // The next piece: *out is the text so far complete, U+FFFD for what is none. With last, what was begun is over. *out
  // points into bytes or into this object, until the next call. False if there is no memory.
  [[nodiscard]] bool Next(std::string_view bytes, bool last, std::string_view* out);
  void Reset() { tail_size_ = 0; }

 private:
  Buffer<char> text_;
  char tail_[4];
  size_t tail_size_ = 0;
};

}  // namespace skerry::html
