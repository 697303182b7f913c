// URL operations over Ada, and application/x-www-form-urlencoded. Contract: runtime/bootstrap/native.ts, "URL";
// specification: https://url.spec.whatwg.org/.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "ada.h"
#include "args.h"
#include "op.h"
#include "text.h"

namespace skerry {
namespace {

using v8::Array;
using v8::Context;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::LocalVector;
using v8::String;
using v8::Value;

// The UTF-8 bytes of a string, for the length of one call.
class Utf8 {
 public:
  Utf8(Isolate* isolate, Local<String> text)
      : bytes_(Utf8Capacity(text)), size_(bytes_ ? EncodeUtf8(isolate, text, bytes_.data()) : 0) {
    if (!bytes_) ThrowOutOfMemory(isolate);
  }
  // False, with an exception pending, if there was no memory.
  explicit operator bool() const { return static_cast<bool>(bytes_); }
  char* data() { return bytes_.data(); }
  size_t size() const { return size_; }

 private:
  Scratch<char, 1024> bytes_;
  size_t size_;
};

constexpr uint32_t kNone = 0xffffffff;  // Of a component that the URL has not.

class Url {
 public:
  explicit Url(ada_url url) : url_(url) {}
  ~Url() { ada_free(url_); }
  Url(const Url&) = delete;
  Url& operator=(const Url&) = delete;

  bool valid() const { return ada_is_valid(url_); }
  ada_url get() const { return url_; }

 private:
  ada_url url_;
};

// Whether a label is what it decodes to, encoded again. Ada's URL parser takes labels for names that do not decode from
// Punycode at all, or to characters that the encoding would have replaced.
bool IsEncodedName(std::string_view label) {
  ada_owned_string decoded = ada_idna_to_unicode(label.data(), label.size());
  std::string_view name(decoded.data, decoded.length);
  bool same = false;
  if (!name.starts_with("xn--")) {
    ada_owned_string encoded = ada_idna_to_ascii(name.data(), name.size());
    same = std::string_view(encoded.data, encoded.length) == label;
    ada_free_owned_string(encoded);
  }
  ada_free_owned_string(decoded);
  return same;
}

// Whether each label of the host of a special URL that claims to be encoded is, as "domain to ASCII" demands.
bool HostIsEncoded(const Url& url) {
  static constexpr std::string_view kSpecial[] = {"http:", "https:", "ws:", "wss:", "ftp:", "file:"};
  const ada_url_components* c = ada_get_components(url.get());
  ada_string text = ada_get_href(url.get());
  std::string_view href(text.data, text.length);
  if (c->host_end > href.size() || c->host_start > c->host_end) return true;
  std::string_view host = href.substr(c->host_start, c->host_end - c->host_start);
  if (host.find("xn--") == std::string_view::npos) return true;
  if (std::ranges::find(kSpecial, href.substr(0, c->protocol_end)) == std::end(kSpecial)) return true;
  if (host.starts_with('@')) host.remove_prefix(1);
  for (;;) {
    size_t dot = host.find('.');
    std::string_view label = host.substr(0, dot);
    if (label.starts_with("xn--") && !IsEncodedName(label)) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

// UrlRecord. An href is ASCII: what is not is percent-encoded or punycode.
void ReturnRecord(const Args& info, const Url& url) {
  Isolate* isolate = info.GetIsolate();
  ada_string href = ada_get_href(url.get());
  const ada_url_components* c = ada_get_components(url.get());
  Local<String> text;
  if (!DecodeLatin1(isolate, href.data, href.length).ToLocal(&text)) return;
  // Too large for a small integer, so made once for the up to three places that need it.
  Local<Integer> none;
  auto number = [&](uint32_t n) {
    if (n != kNone) return Integer::NewFromUnsigned(isolate, n);
    if (none.IsEmpty()) none = Integer::NewFromUnsigned(isolate, n);
    return none;
  };
  Local<Value> record[] = {
      text,
      number(c->protocol_end),
      number(c->username_end),
      number(c->host_start),
      number(c->host_end),
      number(c->port),
      number(c->pathname_start),
      number(c->search_start),
      number(c->hash_start),
  };
  info.GetReturnValue().Set(Array::New(isolate, record, std::size(record)));
}

void UrlParseOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> input_text;
  if (!StringArg(info, 0, "urlParse", &input_text)) return;
  Utf8 input(isolate, input_text);
  if (!input) return;
  if (info[1]->IsUndefined()) {
    Url url(ada_parse(input.data(), input.size()));
    if (url.valid() && HostIsEncoded(url)) ReturnRecord(info, url);
    return;
  }
  Local<String> base_text;
  if (!StringArg(info, 1, "urlParse", &base_text)) return;
  Utf8 base(isolate, base_text);
  if (!base) return;
  Url url(ada_parse_with_base(input.data(), input.size(), base.data(), base.size()));
  if (url.valid() && HostIsEncoded(url)) ReturnRecord(info, url);
}

// Whether a host in the text may come out encoded: it has the hyphens, or what may be mapped to them.
bool MayBeEncoded(Utf8& text) {
  for (size_t i = 0; i < text.size(); i++) {
    unsigned char c = static_cast<unsigned char>(text.data()[i]);
    if (c >= 0x80 || c == '%' || c == '-' || c < ' ') return true;
  }
  return false;
}

void UrlCanParseOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> input_text;
  if (!StringArg(info, 0, "urlCanParse", &input_text)) return;
  Utf8 input(isolate, input_text);
  if (!input) return;
  if (info[1]->IsUndefined()) {
    bool can = ada_can_parse(input.data(), input.size());
    if (can && MayBeEncoded(input)) can = HostIsEncoded(Url(ada_parse(input.data(), input.size())));
    return info.GetReturnValue().Set(can);
  }
  Local<String> base_text;
  if (!StringArg(info, 1, "urlCanParse", &base_text)) return;
  Utf8 base(isolate, base_text);
  if (!base) return;
  bool can = ada_can_parse_with_base(input.data(), input.size(), base.data(), base.size());
  if (can && (MayBeEncoded(input) || MayBeEncoded(base)))
    can = HostIsEncoded(Url(ada_parse_with_base(input.data(), input.size(), base.data(), base.size())));
  info.GetReturnValue().Set(can);
}

using Setter = bool (*)(ada_url, const char*, size_t);

// In the order of the parts of urlSet.
constexpr Setter kSetters[] = {
    ada_set_href,
    ada_set_protocol,
    ada_set_username,
    ada_set_password,
    ada_set_host,
    ada_set_hostname,
    ada_set_port,
    ada_set_pathname,
    [](ada_url url, const char* data, size_t size) { return ada_set_search(url, data, size), true; },
    [](ada_url url, const char* data, size_t size) { return ada_set_hash(url, data, size), true; },
};

void UrlSetOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> href_text, value_text;
  if (!StringArg(info, 0, "urlSet", &href_text) || !StringArg(info, 2, "urlSet", &value_text)) return;
  if (!info[1]->IsUint32() || info[1].As<v8::Uint32>()->Value() >= std::size(kSetters))
    return ThrowBadArgument(isolate, "urlSet", 1, "a part of a URL");
  uint32_t part = info[1].As<v8::Uint32>()->Value();
  Utf8 href(isolate, href_text);
  if (!href) return;
  Utf8 value(isolate, value_text);
  if (!value) return;
  Url url(ada_parse(href.data(), href.size()));
  if (url.valid() && kSetters[part](url.get(), value.data(), value.size()) && HostIsEncoded(url))
    ReturnRecord(info, url);
}

void UrlOriginOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> href_text;
  if (!StringArg(info, 0, "urlOrigin", &href_text)) return;
  Utf8 href(isolate, href_text);
  if (!href) return;
  Url url(ada_parse(href.data(), href.size()));
  if (!url.valid()) return ThrowBadArgument(isolate, "urlOrigin", 0, "a URL");
  ada_owned_string origin = ada_get_origin(url.get());
  Local<String> text;
  bool made = DecodeUtf8(isolate, origin.data, origin.length).ToLocal(&text);
  ada_free_owned_string(origin);
  if (made) info.GetReturnValue().Set(text);
}

// ---- application/x-www-form-urlencoded (§5)

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Decodes "+" and "%XX" in place and returns the new length.
size_t FormUnescape(char* data, size_t size) {
  size_t in = 0;
  while (in < size && data[in] != '+' && data[in] != '%') in++;
  size_t out = in;
  while (in < size) {
    char c = data[in++];
    if (c == '+') {
      c = ' ';
    } else if (c == '%' && size - in >= 2) {
      int high = HexDigit(data[in]), low = HexDigit(data[in + 1]);
      if (high >= 0 && low >= 0) {
        c = static_cast<char>(high << 4 | low);
        in += 2;
      }
    }
    data[out++] = c;
  }
  return out;
}

void FormDecodeOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<String> text;
  if (!StringArg(info, 0, "formDecode", &text)) return;
  Utf8 input(isolate, text);
  if (!input) return;
  LocalVector<Value> pairs(isolate);
  auto add = [&](char* data, size_t size) {
    Local<String> piece;
    if (!DecodeUtf8(isolate, data, FormUnescape(data, size)).ToLocal(&piece)) return false;
    pairs.push_back(piece);
    return true;
  };
  char* end = input.data() + input.size();
  for (char* at = input.data(); at < end;) {
    char* stop = static_cast<char*>(std::memchr(at, '&', static_cast<size_t>(end - at)));
    if (stop == nullptr) stop = end;
    if (stop != at) {
      char* equals = static_cast<char*>(std::memchr(at, '=', static_cast<size_t>(stop - at)));
      char* name_end = equals == nullptr ? stop : equals;
      char* value = equals == nullptr ? stop : equals + 1;
      if (!add(at, static_cast<size_t>(name_end - at)) || !add(value, static_cast<size_t>(stop - value))) return;
    }
    at = stop + 1;
  }
  info.GetReturnValue().Set(Array::New(isolate, pairs.data(), pairs.size()));
}

// Bytes that the serialiser leaves as they are: the complement of the form percent-encode set.
struct FormSafe {
  bool is[256] = {};
  constexpr FormSafe() {
    for (int c = '0'; c <= '9'; c++) is[c] = true;
    for (int c = 'a'; c <= 'z'; c++) is[c] = is[c - 0x20] = true;
    for (char c : {'*', '-', '.', '_'}) is[static_cast<unsigned char>(c)] = true;
  }
};
constexpr FormSafe kFormSafe;

// Bytes of the escaped form.
size_t FormEscapedSize(const char* data, size_t size) {
  size_t total = size;
  for (size_t i = 0; i < size; i++)
    if (!kFormSafe.is[static_cast<unsigned char>(data[i])] && data[i] != ' ') total += 2;
  return total;
}

char* FormEscape(const char* data, size_t size, char* out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (size_t i = 0; i < size; i++) {
    unsigned char c = static_cast<unsigned char>(data[i]);
    if (kFormSafe.is[c]) {
      *out++ = static_cast<char>(c);
    } else if (c == ' ') {
      *out++ = '+';
    } else {
      *out++ = '%';
      *out++ = kHex[c >> 4];
      *out++ = kHex[c & 15];
    }
  }
  return out;
}

// Results that might be longer than this are measured before memory is taken: one string may be in the list many times.
constexpr size_t kFormUnmeasuredMax = 1 << 20;

void FormEncodeOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  if (!info[0]->IsArray() || info[0].As<Array>()->Length() % 2 != 0)
    return ThrowBadArgument(isolate, "formEncode", 0, "an array of pairs");
  Local<Array> pairs = info[0].As<Array>();
  uint32_t count = pairs->Length();
  LocalVector<String> items(isolate);
  items.reserve(count);
  size_t capacity = 0;
  for (uint32_t i = 0; i < count; i++) {
    Local<Value> item;
    if (!pairs->Get(context, i).ToLocal(&item)) return;
    if (!item->IsString()) return ThrowBadArgument(isolate, "formEncode", 0, "an array of strings");
    items.push_back(item.As<String>());
    capacity += Utf8Capacity(items.back()) * 3 + 1;
  }
  if (capacity > kFormUnmeasuredMax) {
    capacity = 0;
    for (Local<String> text : items) {
      Utf8 item(isolate, text);
      if (!item) return;
      capacity += FormEscapedSize(item.data(), item.size()) + 1;
      if (capacity > static_cast<size_t>(String::kMaxLength) + 1)
        return ThrowRangeError(isolate, "Invalid string length");
    }
  }
  Scratch<char, 2048> output(capacity);
  if (!output) return ThrowOutOfMemory(isolate);
  char* out = output.data();
  for (uint32_t i = 0; i < count; i++) {
    if (i != 0) *out++ = i % 2 == 0 ? '&' : '=';
    Utf8 item(isolate, items[i]);
    if (!item) return;
    out = FormEscape(item.data(), item.size(), out);
  }
  Local<String> text;
  if (DecodeLatin1(isolate, output.data(), static_cast<size_t>(out - output.data())).ToLocal(&text))
    info.GetReturnValue().Set(text);
}

constexpr Op kOps[] = {
    {"urlParse", UrlParseOp, 2},   {"urlCanParse", UrlCanParseOp, 2}, {"urlSet", UrlSetOp, 3},
    {"urlOrigin", UrlOriginOp, 1}, {"formDecode", FormDecodeOp, 1},   {"formEncode", FormEncodeOp, 1},
};

}  // namespace

std::span<const Op> UrlOps() { return kOps; }

}  // namespace skerry
