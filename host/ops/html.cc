// The HTML rewriter (host/html) as operations. Contract: runtime/bootstrap/native.ts, "HTML rewriter".
//
// A rewriter belongs to an ArrayBuffer that only the runtime layer has: its backing store is the rewriter's first
// bytes, and V8 destroys it with the buffer, on whatever thread. All its memory comes from the isolate's ArrayBuffer
// allocator, which counts and may refuse.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "args.h"
#include "html/rewriter.h"
#include "op.h"
#include "text.h"

namespace skerry {
namespace {

using v8::Array;
using v8::ArrayBuffer;
using v8::BackingStore;
using v8::Context;
using v8::Isolate;
using v8::Local;
using v8::MaybeLocal;
using v8::String;
using v8::Value;

constexpr size_t kStackBytes = 2048;
constexpr uint64_t kMark = 0x6c6d7468796b7273;

class AllocatorMemory final : public html::MemorySource {
 public:
  explicit AllocatorMemory(ArrayBuffer::Allocator* allocator) : allocator_(allocator) {}
  void* Take(size_t bytes) override { return allocator_->AllocateUninitialized(bytes); }
  void Give(void* data, size_t bytes) override { allocator_->Free(data, bytes); }

 private:
  ArrayBuffer::Allocator* const allocator_;
};

// mark comes first: it is what the ArrayBuffer shows.
struct Handle {
  Handle(ArrayBuffer::Allocator* allocator, html::Rewriter::Settings settings)
      : utf8(settings.utf8), memory(allocator), rewriter(memory, settings) {}

  const uint64_t mark = kMark;
  const bool utf8;
  AllocatorMemory memory;
  html::Rewriter rewriter;
};

void Destroy(void*, size_t, void* handle) { delete static_cast<Handle*>(handle); }

Handle* HandleArg(const Args& info, const char* op) {
  if (info[0]->IsArrayBuffer()) {
    Local<ArrayBuffer> buffer = info[0].As<ArrayBuffer>();
    if (buffer->ByteLength() == sizeof(uint64_t) && *static_cast<const uint64_t*>(buffer->Data()) == kMark)
      return static_cast<Handle*>(buffer->Data());
  }
  ThrowBadArgument(info.GetIsolate(), op, 0, "an HTML rewriter");
  return nullptr;
}

void ThrowMemory(Isolate* isolate) { ThrowTypeError(isolate, "Parser error: The memory limit has been exceeded."); }

void ThrowTooMany(Isolate* isolate) {
  ThrowTypeError(isolate, "HTMLRewriter: There are too many handlers: at most 16384, with 262144 bytes of selectors.");
}

// The bytes of a string argument, in the document's encoding; with utf8 false its units are bytes.
class TextArg {
 public:
  [[nodiscard]] bool Init(const Args& info, int index, const char* op, bool utf8) {
    Isolate* isolate = info.GetIsolate();
    Local<String> text;
    if (!StringArg(info, index, op, &text)) return false;
    // No document has room for more; and this memory is not counted.
    if (static_cast<size_t>(text->Length()) > html::kMemoryMax) {
      ThrowMemory(isolate);
      return false;
    }
    const size_t capacity = utf8 ? Utf8Capacity(text) : static_cast<size_t>(text->Length());
    if (capacity > kStackBytes) {
      heap_.reset(static_cast<char*>(std::malloc(capacity)));
      if (heap_ == nullptr) {
        ThrowOutOfMemory(isolate);
        return false;
      }
      data_ = heap_.get();
    }
    if (utf8) {
      size_ = EncodeUtf8(isolate, text, data_);
    } else {
      size_ = capacity;
      if (size_ != 0) text->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(size_), reinterpret_cast<uint8_t*>(data_));
    }
    return true;
  }
  std::string_view view() const { return {data_, size_}; }

 private:
  struct Freer {
    void operator()(char* data) const { std::free(data); }
  };
  char local_[kStackBytes];
  std::unique_ptr<char, Freer> heap_;
  char* data_ = local_;
  size_t size_ = 0;
};

MaybeLocal<String> ToText(Isolate* isolate, const Handle& handle, std::string_view bytes) {
  return handle.utf8 ? DecodeUtf8(isolate, bytes.data(), bytes.size())
                     : DecodeLatin1(isolate, bytes.data(), bytes.size());
}

void ReturnText(const Args& info, const Handle& handle, std::string_view bytes) {
  Local<String> text;
  if (ToText(info.GetIsolate(), handle, bytes).ToLocal(&text)) info.GetReturnValue().Set(text);
}

void ReturnLowerText(const Args& info, const Handle& handle, std::string_view bytes) {
  std::string lower(bytes);
  for (char& c : lower) c = html::Lower(c);
  ReturnText(info, handle, lower);
}

// What the parser says, as an error of the platform.
void ThrowParserError(Isolate* isolate, std::string_view text) {
  std::string message = "Parser error: ";
  message.append(text.data(), text.size());
  ThrowTypeError(isolate, message.c_str());
}

// htmlOpen(selectors, wants, utf8, esiTags)
void HtmlOpen(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  if (!info[0]->IsArray() || !info[1]->IsArray()) return ThrowBadArgument(isolate, "htmlOpen", 0, "an array");
  Local<Array> selectors = info[0].As<Array>(), wants = info[1].As<Array>();
  html::Rewriter::Settings settings;
  settings.utf8 = info[2]->IsTrue();
  settings.esi_tags = info[3]->IsTrue();
  auto handle = std::make_unique<Handle>(isolate->GetArrayBufferAllocator(), settings);
  for (uint32_t i = 0; i < wants->Length(); i++) {
    Local<Value> want;
    if (!wants->Get(context, i).ToLocal(&want) || !want->IsUint32())
      return ThrowBadArgument(isolate, "htmlOpen", 1, "an array of numbers");
    const uint32_t bits = want.As<v8::Uint32>()->Value();
    std::string text;
    if (i < selectors->Length()) {
      Local<Value> selector;
      if (!selectors->Get(context, i).ToLocal(&selector) || !selector->IsString())
        return ThrowBadArgument(isolate, "htmlOpen", 0, "an array of strings");
      Local<String> string = selector.As<String>();
      if (static_cast<size_t>(string->Length()) > html::kSelectorTextMax) return ThrowTooMany(isolate);
      if (settings.utf8) {
        text.resize(Utf8Capacity(string));
        text.resize(EncodeUtf8(isolate, string, text.data()));
      } else {
        text.resize(static_cast<size_t>(string->Length()));
        string->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(string->Length()),
                               reinterpret_cast<uint8_t*>(text.data()));
      }
    }
    if (!handle->rewriter.HasRoomForHandler(text.size())) return ThrowTooMany(isolate);
    if (i >= selectors->Length()) {
      handle->rewriter.AddDocument(bits);
    } else if (const char* error = handle->rewriter.AddSelector(text, bits); error != nullptr) {
      return ThrowParserError(isolate, error);
    }
  }
  Handle* const raw = handle.release();
  std::unique_ptr<BackingStore> store = ArrayBuffer::NewBackingStore(raw, sizeof(uint64_t), &Destroy, raw);
  info.GetReturnValue().Set(ArrayBuffer::New(isolate, std::move(store)));
}

// htmlSelectorError(selector)
void HtmlSelectorError(const Args& info) {
  constexpr const char* kTooLong = "The selector is longer than 262144 bytes.";
  if (info[0]->IsString() && static_cast<size_t>(info[0].As<String>()->Length()) > html::kSelectorTextMax)
    return info.GetReturnValue().Set(Ascii(info.GetIsolate(), kTooLong));
  TextArg text;
  if (!text.Init(info, 0, "htmlSelectorError", true)) return;
  if (text.view().size() > html::kSelectorTextMax) return info.GetReturnValue().Set(Ascii(info.GetIsolate(), kTooLong));
  html::SelectorProgram program;
  const char* error = html::AddSelector(program, text.view(), 0, true);
  info.GetReturnValue().Set(Ascii(info.GetIsolate(), error == nullptr ? "" : error));
}

// htmlFeed(rewriter, bytes, start, end, last)
void HtmlFeed(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Handle* handle = HandleArg(info, "htmlFeed");
  if (handle == nullptr) return;
  Bytes bytes;
  if (!bytes.Init(info, 1, "htmlFeed")) return;
  if (!info[2]->IsUint32() || !info[3]->IsUint32()) return ThrowBadArgument(isolate, "htmlFeed", 2, "an offset");
  const size_t start = info[2].As<v8::Uint32>()->Value(), end = info[3].As<v8::Uint32>()->Value();
  if (start > end || end > bytes.size()) return ThrowBadArgument(isolate, "htmlFeed", 3, "an offset in the bytes");
  if (!handle->rewriter.Feed(bytes.data() + start, end - start)) return ThrowMemory(isolate);
}

// htmlLast(rewriter)
void HtmlLast(const Args& info) {
  if (Handle* handle = HandleArg(info, "htmlLast")) handle->rewriter.SetLast();
}

// htmlNext(rewriter): step | flags
void HtmlNext(const Args& info) {
  Handle* handle = HandleArg(info, "htmlNext");
  if (handle == nullptr) return;
  html::Rewriter& rewriter = handle->rewriter;
  using Step = html::Rewriter::Step;
  const Step step = rewriter.Next();
  uint32_t result = static_cast<uint32_t>(step);
  if (step == Step::kFailed) return ThrowParserError(info.GetIsolate(), rewriter.error());
  if (step >= Step::kElement && step <= Step::kDoctype) {
    if (rewriter.emitting()) result |= 1 << 4;
    if (step == Step::kElement && rewriter.has_content()) result |= 1 << 5;
    if (step == Step::kText && rewriter.last_in_text_node()) result |= 1 << 5;
    result |= static_cast<uint32_t>(rewriter.recipient_count()) << 8;
  }
  info.GetReturnValue().Set(result);
}

// htmlRecipient(rewriter, i)
void HtmlRecipient(const Args& info) {
  Handle* handle = HandleArg(info, "htmlRecipient");
  if (handle == nullptr) return;
  if (!info[1]->IsUint32() || info[1].As<v8::Uint32>()->Value() >= handle->rewriter.recipient_count())
    return ThrowBadArgument(info.GetIsolate(), "htmlRecipient", 1, "a recipient");
  info.GetReturnValue().Set(handle->rewriter.recipient(info[1].As<v8::Uint32>()->Value()));
}

void HtmlName(const Args& info) {
  if (Handle* handle = HandleArg(info, "htmlName")) ReturnLowerText(info, *handle, handle->rewriter.name());
}

void HtmlSpace(const Args& info) {
  if (Handle* handle = HandleArg(info, "htmlSpace"))
    info.GetReturnValue().Set(static_cast<uint32_t>(handle->rewriter.space()));
}

void HtmlText(const Args& info) {
  if (Handle* handle = HandleArg(info, "htmlText")) ReturnText(info, *handle, handle->rewriter.text());
}

// htmlDoctype(rewriter): [name, publicId, systemId]
void HtmlDoctype(const Args& info) {
  Handle* handle = HandleArg(info, "htmlDoctype");
  if (handle == nullptr) return;
  Isolate* isolate = info.GetIsolate();
  const html::Tokenizer::Doctype& doctype = handle->rewriter.doctype();
  std::string name(handle->rewriter.View(doctype.has_name ? doctype.name : html::Span{}));
  for (char& c : name) c = html::Lower(c);
  Local<Value> parts[3] = {v8::Null(isolate), v8::Null(isolate), v8::Null(isolate)};
  auto set = [&](int i, bool there, std::string_view bytes) {
    Local<String> text;
    if (!there) return true;
    if (!ToText(isolate, *handle, bytes).ToLocal(&text)) return false;
    parts[i] = text;
    return true;
  };
  if (!set(0, doctype.has_name, name) || !set(1, doctype.has_public_id, handle->rewriter.View(doctype.public_id)) ||
      !set(2, doctype.has_system_id, handle->rewriter.View(doctype.system_id))) {
    return;
  }
  info.GetReturnValue().Set(Array::New(isolate, parts, 3));
}

// htmlSetName(rewriter, name, endTag)
void HtmlSetName(const Args& info) {
  Handle* handle = HandleArg(info, "htmlSetName");
  TextArg name;
  if (handle == nullptr || !name.Init(info, 1, "htmlSetName", handle->utf8)) return;
  if (info[2]->IsTrue()) {
    if (!handle->rewriter.SetEndTagName(name.view())) ThrowMemory(info.GetIsolate());
    return;
  }
  const std::string error = html::CheckTagName(name.view());
  if (!error.empty()) return ThrowParserError(info.GetIsolate(), error);
  if (!handle->rewriter.start_tag().SetName(name.view())) ThrowMemory(info.GetIsolate());
}

// htmlSetText(rewriter, text): of a comment
void HtmlSetText(const Args& info) {
  Handle* handle = HandleArg(info, "htmlSetText");
  TextArg text;
  if (handle == nullptr || !text.Init(info, 1, "htmlSetText", handle->utf8)) return;
  const std::string error = html::CheckCommentText(text.view());
  if (!error.empty()) return ThrowParserError(info.GetIsolate(), error);
  if (!handle->rewriter.SetCommentText(text.view())) ThrowMemory(info.GetIsolate());
}

// htmlAttribute(rewriter, name): value, null if there is none
void HtmlAttribute(const Args& info) {
  Handle* handle = HandleArg(info, "htmlAttribute");
  TextArg name;
  if (handle == nullptr || !name.Init(info, 1, "htmlAttribute", handle->utf8)) return;
  const html::StartTag& tag = handle->rewriter.start_tag();
  const size_t at = tag.Find(name.view());
  if (at == tag.attribute_count()) return info.GetReturnValue().SetNull();
  ReturnText(info, *handle, tag.attribute_value(at));
}

// htmlAttributes(rewriter): [name, value, …]
void HtmlAttributes(const Args& info) {
  Handle* handle = HandleArg(info, "htmlAttributes");
  if (handle == nullptr) return;
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  const html::StartTag& tag = handle->rewriter.start_tag();
  const size_t count = tag.attribute_count();
  Local<Array> list = Array::New(isolate, static_cast<int>(count * 2));
  for (size_t i = 0; i < count; i++) {
    v8::HandleScope scope(isolate);
    std::string lower(tag.attribute_name(i));
    for (char& c : lower) c = html::Lower(c);
    Local<String> name, value;
    if (!ToText(isolate, *handle, lower).ToLocal(&name) ||
        !ToText(isolate, *handle, tag.attribute_value(i)).ToLocal(&value)) {
      return;
    }
    const uint32_t at = static_cast<uint32_t>(2 * i);
    if (list->CreateDataProperty(context, at, name).IsNothing() ||
        list->CreateDataProperty(context, at + 1, value).IsNothing()) {
      return;
    }
  }
  info.GetReturnValue().Set(list);
}

// htmlSetAttribute(rewriter, name, value)
void HtmlSetAttribute(const Args& info) {
  Handle* handle = HandleArg(info, "htmlSetAttribute");
  TextArg name, value;
  if (handle == nullptr || !name.Init(info, 1, "htmlSetAttribute", handle->utf8) ||
      !value.Init(info, 2, "htmlSetAttribute", handle->utf8)) {
    return;
  }
  const std::string error = html::CheckAttributeName(name.view());
  if (!error.empty()) return ThrowParserError(info.GetIsolate(), error);
  if (!handle->rewriter.start_tag().SetAttribute(name.view(), value.view())) ThrowMemory(info.GetIsolate());
}

// htmlRemoveAttribute(rewriter, name)
void HtmlRemoveAttribute(const Args& info) {
  Handle* handle = HandleArg(info, "htmlRemoveAttribute");
  TextArg name;
  if (handle == nullptr || !name.Init(info, 1, "htmlRemoveAttribute", handle->utf8)) return;
  if (!handle->rewriter.start_tag().RemoveAttribute(name.view())) ThrowMemory(info.GetIsolate());
}

// htmlElement(rewriter, endKey, removeContent, dropSlash)
void HtmlElement(const Args& info) {
  Handle* handle = HandleArg(info, "htmlElement");
  if (handle == nullptr) return;
  if (!info[1]->IsUint32()) return ThrowBadArgument(info.GetIsolate(), "htmlElement", 1, "a key");
  handle->rewriter.SetEndKey(info[1].As<v8::Uint32>()->Value());
  if (info[2]->IsTrue()) handle->rewriter.RemoveContent();
  if (info[3]->IsTrue()) handle->rewriter.start_tag().DropSlash();
}

// htmlWrite(rewriter, text, markup): bytes of output waiting
void HtmlWrite(const Args& info) {
  Handle* handle = HandleArg(info, "htmlWrite");
  TextArg text;
  if (handle == nullptr || !text.Init(info, 1, "htmlWrite", handle->utf8)) return;
  if (!handle->rewriter.Write(text.view(), info[2]->IsTrue())) return ThrowMemory(info.GetIsolate());
  info.GetReturnValue().Set(static_cast<uint32_t>(handle->rewriter.output().size()));
}

// htmlSelf(rewriter, keep)
void HtmlSelf(const Args& info) {
  Handle* handle = HandleArg(info, "htmlSelf");
  if (handle == nullptr) return;
  if (!handle->rewriter.Self(info[1]->IsTrue())) ThrowMemory(info.GetIsolate());
}

// htmlTake(rewriter): the output, undefined if there is none
void HtmlTake(const Args& info) {
  Handle* handle = HandleArg(info, "htmlTake");
  if (handle == nullptr) return;
  html::Buffer<char>& output = handle->rewriter.output();
  if (output.empty()) return;
  char* data;
  Local<v8::Uint8Array> bytes;
  // A buffer of its own even if it is small: its receiver may transfer it.
  if (!NewBytes(info.GetIsolate(), output.size(), &data).ToLocal(&bytes)) return;
  std::memcpy(data, output.data(), output.size());
  output.Clear();
  output.Trim(2 * html::kOutputFull);
  info.GetReturnValue().Set(bytes);
}

constexpr Op kOps[] = {
    {"htmlAttribute", &HtmlAttribute, 2},
    {"htmlAttributes", &HtmlAttributes, 1},
    {"htmlDoctype", &HtmlDoctype, 1},
    {"htmlElement", &HtmlElement, 4},
    {"htmlFeed", &HtmlFeed, 4},
    {"htmlLast", &HtmlLast, 1},
    {"htmlName", &HtmlName, 1},
    {"htmlNext", &HtmlNext, 1},
    {"htmlOpen", &HtmlOpen, 4},
    {"htmlRecipient", &HtmlRecipient, 2},
    {"htmlRemoveAttribute", &HtmlRemoveAttribute, 2},
    {"htmlSelectorError", &HtmlSelectorError, 1},
    {"htmlSelf", &HtmlSelf, 2},
    {"htmlSetAttribute", &HtmlSetAttribute, 3},
    {"htmlSetName", &HtmlSetName, 3},
    {"htmlSetText", &HtmlSetText, 2},
    {"htmlSpace", &HtmlSpace, 1},
    {"htmlTake", &HtmlTake, 1},
    {"htmlText", &HtmlText, 1},
    {"htmlWrite", &HtmlWrite, 3},
};

}  // namespace

std::span<const Op> HtmlOps() { return kOps; }

}  // namespace skerry
