// The source text of the runtime layer. V8 keeps the source of functions it may yet compile; as an external string
// there is one copy for all isolates of the process instead of one in every heap.
#pragma once

#include <v8.h>

#include <string>

namespace skerry {

class RuntimeSource final : public v8::String::ExternalOneByteStringResource {
 public:
  // The one resource, whose address is an external reference of the snapshot. Its text is set before it is used.
  static RuntimeSource& Get();

  void set_text(std::string ascii) { text_ = std::move(ascii); }
  const char* data() const override { return text_.data(); }
  size_t length() const override { return text_.size(); }
  void Dispose() override {}  // Every isolate that goes asks for it; it belongs to the process.

 private:
  std::string text_;
};

}  // namespace skerry
