#include "ops/host_ops.h"

#include <cstring>

namespace skerry {

const std::vector<Op>& AllOps() {
  static const std::vector<Op> all = [] {
    std::vector<Op> joined;
    for (std::span<const Op> table :
         {EventOps(), StreamOps(), SocketOps(), TimeOps(), TaskOps(), TextOps(), DecodeOps(), CodecOps(), UrlOps(),
          RandomOps(), CryptoOps(), JobOps(), CloneOps(), InspectOps(), HtmlOps(), LazyOps()}) {
      joined.insert(joined.end(), table.begin(), table.end());
    }
    return joined;
  }();
  return all;
}

void AppendUtf8(v8::Isolate* isolate, std::string& out, v8::Local<v8::Value> value, size_t max_bytes) {
  const size_t start = out.size();
  uint32_t length = 0;
  out.append(4, '\0');
  if (value->IsString()) {
    v8::Local<v8::String> text = value.As<v8::String>();
    // Whole characters only, and lone surrogates become U+FFFD: the other side checks.
    const size_t room = std::min(text->Utf8LengthV2(isolate), max_bytes);
    out.resize(start + 4 + room);
    length = static_cast<uint32_t>(
        text->WriteUtf8V2(isolate, out.data() + start + 4, room, v8::String::WriteFlags::kReplaceInvalidUtf8));
    out.resize(start + 4 + length);
  }
  memcpy(out.data() + start, &length, 4);
}

void AppendLatin1(v8::Isolate* isolate, std::string& out, v8::Local<v8::Value> value) {
  uint32_t length = 0;
  if (!value->IsString()) {
    out.append(reinterpret_cast<const char*>(&length), 4);
    return;
  }
  v8::Local<v8::String> text = value.As<v8::String>();
  length = static_cast<uint32_t>(text->Length());
  out.append(reinterpret_cast<const char*>(&length), 4);
  const size_t start = out.size();
  out.resize(start + length);
  text->WriteOneByteV2(isolate, 0, length, reinterpret_cast<uint8_t*>(out.data() + start));
}

std::string ToUtf8(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (!value->IsString()) return {};
  v8::String::Utf8Value text(isolate, value);
  return *text == nullptr ? std::string() : std::string(*text, static_cast<size_t>(text.length()));
}

}  // namespace skerry
