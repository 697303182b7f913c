// The C++ readers and writers of the wire against protocol/vectors (format: its README.md), then against what is made
// of the vectors by cutting, flipping and random damage. No V8. Build it with the address and undefined-behaviour
// sanitizers (host/test/Makefile does): every payload is given to the decoder in a heap block of exactly its size.
//
//   vectors_test DIRECTORY [ITERATIONS [SEED]]
//
// The lists of fields below are written by hand, so that a mistake of the generator is not its own oracle.
#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../wire/frame.h"

namespace skerry::wire {
namespace {

int failures = 0;
std::string subject;  // What is being tested, for messages.

void Fail(const std::string& what) {
  failures++;
  if (failures <= 50) std::fprintf(stderr, "FAIL %s: %s\n", subject.c_str(), what.c_str());
}

void Expect(bool holds, const char* what) {
  if (!holds) Fail(what);
}

// ---- fields of each message, in the order of messages.json

template <typename F>
void Fields(const Module& m, F f) {
  f("name", m.name), f("type", m.type), f("offset", m.offset), f("length", m.length), f("cache_offset", m.cache_offset),
      f("cache_length", m.cache_length);
}
template <typename F>
void Fields(const Hello& m, F f) {
  f("protocol", m.protocol), f("build", m.build), f("executors", m.executors), f("executors_max", m.executors_max),
      f("spares", m.spares), f("isolates_max", m.isolates_max), f("memory_budget", m.memory_budget),
      f("clock_frozen", m.clock_frozen), f("dev", m.dev);
}
template <typename F>
void Fields(const Ready& m, F f) {
  f("protocol", m.protocol), f("build", m.build), f("v8", m.v8);
}
template <typename F>
void Fields(const WorkerData& m, F f) {
  f("data", m.data);
}
template <typename F>
void Fields(const WorkerLoad& m, F f) {
  f("name", m.name), f("main", m.main), f("compat_date", m.compat_date), f("compat_flags", m.compat_flags),
      f("env", m.env), f("cpu_ms", m.cpu_ms), f("startup_ms", m.startup_ms), f("memory_mb", m.memory_mb),
      f("modules", m.modules);
}
template <typename F>
void Fields(const WorkerUnload&, F) {}
template <typename F>
void Fields(const Fetch& m, F f) {
  f("worker", m.worker), f("method", m.method), f("url", m.url), f("headers", m.headers), f("cf", m.cf),
      f("stream", m.stream), f("length", m.length);
}
template <typename F>
void Fields(const Cancel& m, F f) {
  f("reason", m.reason);
}
template <typename F>
void Fields(const Response& m, F f) {
  f("status", m.status), f("status_text", m.status_text), f("headers", m.headers), f("stream", m.stream),
      f("length", m.length), f("socket", m.socket), f("body", m.body);
}
template <typename F>
void Fields(const EventDone& m, F f) {
  f("outcome", m.outcome), f("cpu_ns", m.cpu_ns), f("startup_ns", m.startup_ns), f("cold", m.cold),
      f("pass_through", m.pass_through), f("message", m.message), f("stack", m.stack);
}
template <typename F>
void Fields(const Call& m, F f) {
  f("event", m.event), f("slot", m.slot), f("op", m.op), f("stream", m.stream), f("args", m.args);
}
template <typename F>
void Fields(const CallResult& m, F f) {
  f("code", m.code), f("message", m.message), f("stream", m.stream), f("length", m.length), f("socket", m.socket),
      f("result", m.result);
}
template <typename F>
void Fields(const CallAbort&, F) {}
template <typename F>
void Fields(const StreamData& m, F f) {
  f("data", m.data);
}
template <typename F>
void Fields(const SocketData& m, F f) {
  f("kind", m.kind), f("final", m.final), f("data", m.data);
}
template <typename F>
void Fields(const SocketClose& m, F f) {
  f("code", m.code), f("reason", m.reason);
}
template <typename F>
void Fields(const SocketCredit& m, F f) {
  f("bytes", m.bytes);
}
template <typename F>
void Fields(const StreamEnd&, F) {}
template <typename F>
void Fields(const StreamReset& m, F f) {
  f("code", m.code), f("message", m.message);
}
template <typename F>
void Fields(const StreamCancel& m, F f) {
  f("message", m.message);
}
template <typename F>
void Fields(const StreamCredit& m, F f) {
  f("bytes", m.bytes);
}
template <typename F>
void Fields(const Log& m, F f) {
  f("worker", m.worker), f("level", m.level), f("text", m.text);
}
template <typename F>
void Fields(const CodeCache& m, F f) {
  f("module", m.module), f("offset", m.offset), f("total", m.total), f("data", m.data);
}
template <typename F>
void Fields(const StatsRequest&, F) {}
template <typename F>
void Fields(const Stats& m, F f) {
  f("isolates_live", m.isolates_live), f("isolates_spare", m.isolates_spare), f("isolates_started", m.isolates_started),
      f("cold_starts", m.cold_starts), f("evictions", m.evictions), f("condemned", m.condemned),
      f("heap_bytes", m.heap_bytes), f("external_bytes", m.external_bytes), f("runnable", m.runnable),
      f("mailbox_items", m.mailbox_items), f("events_live", m.events_live), f("executors", m.executors),
      f("executors_busy", m.executors_busy), f("executors_demoted", m.executors_demoted);
}
template <typename F>
void Fields(const Fatal& m, F f) {
  f("message", m.message);
}

struct Kind {
  const char* name;
  uint16_t id;
  bool ends_in_rest;
};

constexpr Kind kKinds[] = {
    {"Hello", 1, false},         {"Ready", 2, false},      {"WorkerData", 3, true},    {"WorkerLoad", 4, false},
    {"WorkerUnload", 5, false},  {"Fetch", 6, false},      {"Cancel", 7, false},       {"Response", 8, true},
    {"EventDone", 9, false},     {"Call", 10, true},       {"CallResult", 11, true},   {"CallAbort", 12, false},
    {"StreamData", 13, true},    {"StreamEnd", 14, false}, {"StreamReset", 15, false}, {"StreamCancel", 16, false},
    {"StreamCredit", 17, false}, {"Log", 18, false},       {"CodeCache", 19, true},    {"StatsRequest", 20, false},
    {"Stats", 21, false},        {"Fatal", 22, false},     {"SocketData", 23, true},   {"SocketClose", 24, false},
    {"SocketCredit", 25, false},
};

// Calls f with a default value of the message type; false if there is none.
template <typename F>
bool WithType(uint16_t type, F f) {
  switch (type) {
    case 1:
      return f(Hello()), true;
    case 2:
      return f(Ready()), true;
    case 3:
      return f(WorkerData()), true;
    case 4:
      return f(WorkerLoad()), true;
    case 5:
      return f(WorkerUnload()), true;
    case 6:
      return f(Fetch()), true;
    case 7:
      return f(Cancel()), true;
    case 8:
      return f(Response()), true;
    case 9:
      return f(EventDone()), true;
    case 10:
      return f(Call()), true;
    case 11:
      return f(CallResult()), true;
    case 12:
      return f(CallAbort()), true;
    case 13:
      return f(StreamData()), true;
    case 14:
      return f(StreamEnd()), true;
    case 15:
      return f(StreamReset()), true;
    case 16:
      return f(StreamCancel()), true;
    case 17:
      return f(StreamCredit()), true;
    case 18:
      return f(Log()), true;
    case 19:
      return f(CodeCache()), true;
    case 20:
      return f(StatsRequest()), true;
    case 21:
      return f(Stats()), true;
    case 22:
      return f(Fatal()), true;
    case 23:
      return f(SocketData()), true;
    case 24:
      return f(SocketClose()), true;
    case 25:
      return f(SocketCredit()), true;
  }
  return false;
}

const Kind* FindKind(std::string_view name) {
  for (const Kind& kind : kKinds)
    if (name == kind.name) return &kind;
  return nullptr;
}

// ---- values as the vectors write them

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) out += kDigits[c >> 4], out += kDigits[c & 15];
  return out;
}

using Lines = std::vector<std::pair<std::string, std::string>>;

template <typename T>
std::string Number(T value) {
  if constexpr (std::is_enum_v<T>) {
    return Number(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "1" : "0";
  } else {
    return std::to_string(value);
  }
}

template <typename T>
void Describe(const T& message, const std::string& prefix, Lines& out) {
  Fields(message, [&](const char* name, const auto& value) {
    using V = std::decay_t<decltype(value)>;
    std::string key = prefix + name;
    if constexpr (std::is_same_v<V, std::string_view>) {
      out.emplace_back(key, Hex(value));
    } else if constexpr (std::is_same_v<V, std::vector<std::string_view>>) {
      out.emplace_back(key, std::to_string(value.size()));
      for (size_t i = 0; i < value.size(); i++) out.emplace_back(key + "." + std::to_string(i), Hex(value[i]));
    } else if constexpr (std::is_same_v<V, std::vector<Module>>) {
      out.emplace_back(key, std::to_string(value.size()));
      for (size_t i = 0; i < value.size(); i++) Describe(value[i], key + "." + std::to_string(i) + ".", out);
    } else {
      out.emplace_back(key, Number(value));
    }
  });
}

// ---- the reader as the host uses it

// A payload in a block of its own, so that the sanitizer sees the first byte too many.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : data_(new uint8_t[bytes.size()]), size_(bytes.size()) {
    if (size_ != 0) std::memcpy(data_.get(), bytes.data(), size_);
  }
  std::span<const uint8_t> span() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> data_;
  size_t size_;
};

struct Outcome {
  std::string fault;  // A name of the vectors.
  Lines fields;       // If "ok".
  std::string again;  // If "ok": the payload encoded anew.
};

Outcome DecodePayload(uint16_t type, std::string_view payload) {
  Outcome outcome;
  bool known = WithType(type, [&](auto message) {
    using T = decltype(message);
    Expect(static_cast<uint16_t>(T::kType) == type, "kType is another type");
    Exact exact(payload);
    DecodeFault why = DecodeFault::truncated;
    bool ok = T::Decode(exact.span(), message, &why);
    Expect(ok == (why == DecodeFault::none), "result and fault disagree");
    outcome.fault = Name(why);
    if (!ok) return;
    Describe(message, "field.", outcome.fields);
    message.AppendTo(outcome.again);
  });
  if (!known) outcome.fault = "bad_type";
  return outcome;
}

struct Frame {
  FrameHeader header;
  Outcome outcome;
};

Frame ReadFrame(std::string_view bytes, Side from) {
  Frame frame;
  if (bytes.size() < kFrameHeaderSize) {
    frame.outcome.fault = "more";
    return frame;
  }
  Exact raw(bytes.substr(0, kFrameHeaderSize));
  frame.header = FrameHeader::Decode(raw.span());
  FrameFault fault = Check(frame.header, from);
  std::string_view rest = bytes.substr(kFrameHeaderSize);
  if (fault != FrameFault::none) {
    frame.outcome.fault = Name(fault);
  } else if (rest.size() < frame.header.length) {
    frame.outcome.fault = "more";
  } else {
    frame.outcome = DecodePayload(frame.header.type, rest.substr(0, frame.header.length));
  }
  return frame;
}

// ---- vectors

struct Vector {
  std::string file, kind, expect, type, id, bytes;
  Side from = Side::supervisor;
  Lines fields;
};

std::optional<Vector> ReadVector(const std::string& path, const std::string& file) {
  std::ifstream in(path);
  Vector v;
  v.file = file;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    size_t at = line.find(": ");
    if (at == std::string::npos) return Fail("line without a key: " + line), std::nullopt;
    std::string key = line.substr(0, at), value = line.substr(at + 2);
    if (key == "kind")
      v.kind = value;
    else if (key == "expect")
      v.expect = value;
    else if (key == "type")
      v.type = value;
    else if (key == "id")
      v.id = value;
    else if (key == "from") {
      if (value != "supervisor" && value != "host") return Fail("from: " + value), std::nullopt;
      v.from = value == "host" ? Side::host : Side::supervisor;
    } else if (key == "hex") {
      value.erase(std::remove(value.begin(), value.end(), ' '), value.end());
      if (value.size() % 2 != 0 || value.find_first_not_of("0123456789abcdef") != std::string::npos)
        return Fail("hex is not hexadecimal"), std::nullopt;
      for (size_t i = 0; i < value.size(); i += 2)
        v.bytes += static_cast<char>(std::strtoul(value.substr(i, 2).c_str(), nullptr, 16));
    } else if (key.starts_with("field.")) {
      v.fields.emplace_back(key, value);
    } else if (key != "comment") {
      return Fail("unknown key " + key), std::nullopt;
    }
  }
  if (v.kind != "control" && v.kind != "binding") return Fail("kind: " + v.kind), std::nullopt;
  return v;
}

void CheckVector(const Vector& v) {
  Frame frame = ReadFrame(v.bytes, v.from);
  if (frame.outcome.fault != v.expect) return Fail("answered " + frame.outcome.fault + ", expected " + v.expect);
  if (!v.type.empty()) {
    const Kind* kind = FindKind(v.type);
    if (kind == nullptr || kind->id != frame.header.type) return Fail("type is not " + v.type);
    Expect(Name(static_cast<MessageType>(kind->id)) == kind->name, "another name of the type");
  }
  if (v.expect != "ok") return;
  if (std::to_string(frame.header.id) != v.id) Fail("id is " + std::to_string(frame.header.id));
  for (size_t i = 0; i < std::max(v.fields.size(), frame.outcome.fields.size()); i++) {
    if (i >= v.fields.size()) {
      Fail("field not in the vector: " + frame.outcome.fields[i].first);
      continue;
    }
    if (i >= frame.outcome.fields.size()) {
      Fail("field not decoded: " + v.fields[i].first);
      continue;
    }
    const auto& [name, value] = frame.outcome.fields[i];
    if (v.fields[i].first != name || v.fields[i].second != value)
      Fail(name + " = " + value + ", expected " + v.fields[i].first + " = " + v.fields[i].second);
  }
  WithType(frame.header.type, [&](auto message) {
    using T = decltype(message);
    Exact payload(std::string_view(v.bytes).substr(kFrameHeaderSize));
    if (!T::Decode(payload.span(), message)) return Fail("does not decode twice");
    std::string again = "before";  // Frames are appended to a batch.
    AppendFrame(again, frame.header.id, message);
    Expect(again == "before" + v.bytes, "encodes to other bytes");
  });
}

void PutHeader(std::string& bytes, size_t offset, uint64_t value, size_t size) {
  std::memcpy(bytes.data() + offset, &value, size);
}

// Every proper prefix, every flag, other directions, ids and lengths of a good frame.
void CheckVariations(const Vector& v) {
  const Kind& kind = *FindKind(v.type);
  for (size_t n = 0; n < v.bytes.size(); n++) {
    std::string cut = v.bytes.substr(0, n);
    if (ReadFrame(cut, v.from).outcome.fault != "more")
      Fail("frame cut to " + std::to_string(n) + " bytes does not wait");
    if (n < kFrameHeaderSize) continue;
    PutHeader(cut, 0, n - kFrameHeaderSize, 4);
    Outcome outcome = ReadFrame(cut, v.from).outcome;
    if (outcome.fault == "ok") {
      if (!kind.ends_in_rest) Fail("payload cut to " + std::to_string(n - kFrameHeaderSize) + " bytes decodes");
      Expect(outcome.again == cut.substr(kFrameHeaderSize), "cut payload encodes to other bytes");
    } else if (outcome.fault != "truncated") {
      Fail("payload cut to " + std::to_string(n - kFrameHeaderSize) + " bytes is " + outcome.fault);
    }
  }
  for (int bit = 0; bit < 16; bit++) {
    std::string other = v.bytes;
    PutHeader(other, 6, 1u << bit, 2);
    Expect(ReadFrame(other, v.from).outcome.fault == "bad_flags", "a flag is let through");
  }
  Side opposite = v.from == Side::host ? Side::supervisor : Side::host;
  std::string fault = ReadFrame(v.bytes, opposite).outcome.fault;
  bool both = v.type == "StreamData" || v.type == "StreamEnd" || v.type == "StreamReset" || v.type == "StreamCancel" ||
              v.type == "StreamCredit" || v.type.starts_with("Socket");
  Expect(fault == (both ? "ok" : "bad_direction"), "wrong about the other direction");
  bool about_none = v.type == "Hello" || v.type == "Ready" || v.type == "Fatal";
  std::string other = v.bytes;
  PutHeader(other, 8, about_none ? 1 : 0, 4);
  Expect(ReadFrame(other, v.from).outcome.fault == (v.type == "Log" ? "ok" : "bad_id"), "wrong about the id");
  uint32_t limit = v.type == "StreamData" || v.type == "SocketData" ? 65536 : 1048576;
  for (uint64_t length :
       {uint64_t{limit - 1}, uint64_t{limit}, uint64_t{limit} + 1, uint64_t{0x80000000}, uint64_t{0xffffffff}}) {
    std::string head = v.bytes.substr(0, kFrameHeaderSize);
    PutHeader(head, 0, length, 4);
    Expect(ReadFrame(head, v.from).outcome.fault == (length <= limit ? "more" : "too_long"),
           "wrong about the limit of length");
  }
  // A byte too many is left over, unless the last field takes it.
  std::string longer = v.bytes + '\0';
  PutHeader(longer, 0, longer.size() - kFrameHeaderSize, 4);
  fault = ReadFrame(longer, v.from).outcome.fault;
  Expect(fault == (kind.ends_in_rest ? "ok" : "leftover"), "wrong about a byte too many");
}

// ---- UTF-8, against a decoder that goes by code points

bool ReferenceUtf8(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    unsigned char lead = static_cast<unsigned char>(s[i++]);
    if (lead < 0x80) continue;
    int more = (lead & 0xe0) == 0xc0 ? 1 : (lead & 0xf0) == 0xe0 ? 2 : (lead & 0xf8) == 0xf0 ? 3 : 0;
    if (more == 0) return false;
    uint32_t point = lead & (0x3fu >> more);
    for (int k = 0; k < more; k++, i++) {
      if (i >= s.size() || (static_cast<unsigned char>(s[i]) & 0xc0) != 0x80) return false;
      point = point << 6 | (static_cast<unsigned char>(s[i]) & 0x3f);
    }
    static constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
  }
  return true;
}

void CheckUtf8() {
  subject = "IsUtf8";
  // Every sequence of up to three bytes; of four with the second half of the bytes at the edges.
  const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff};
  char s[5] = {};
  for (int a = 0; a < 256; a++) {
    s[0] = static_cast<char>(a);
    if (IsUtf8({s, 1}) != ReferenceUtf8({s, 1})) return Fail(Hex({s, 1}));
    for (int b = 0; b < 256; b++) {
      s[1] = static_cast<char>(b);
      if (IsUtf8({s, 2}) != ReferenceUtf8({s, 2})) return Fail(Hex({s, 2}));
      for (int c = 0; c < 256; c++) {
        s[2] = static_cast<char>(c);
        if (IsUtf8({s, 3}) != ReferenceUtf8({s, 3})) return Fail(Hex({s, 3}));
        if (a < 0xe0 || c < 0x7e || c > 0xc1) continue;
        for (unsigned char d : edges) {
          s[3] = static_cast<char>(d);
          if (IsUtf8({s, 4}) != ReferenceUtf8({s, 4})) return Fail(Hex({s, 4}));
        }
      }
    }
  }
}

// ---- random damage

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t Next() {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return state_ * 0x2545f4914f6cdd1d;
  }
  size_t Below(size_t n) { return n == 0 ? 0 : (Next() >> 11) % n; }

 private:
  uint64_t state_;
};

void Damage(Random& random, std::string& bytes, const std::vector<Vector>& good) {
  static constexpr uint32_t kNumbers[] = {0,       1,          2,          4,          0x7f,       0xff,      0xffff,
                                          0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff};
  size_t at = random.Below(bytes.size() + 1);
  switch (random.Below(7)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.Below(8));
      break;
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(random.Next());
      break;
    case 2:
      bytes.insert(at, 1, static_cast<char>(random.Next()));
      break;
    case 3:
      bytes.erase(at, 1 + random.Below(8));
      break;
    case 4: {  // A number that lies about a length.
      uint32_t number = kNumbers[random.Below(std::size(kNumbers))];
      if (at + 4 <= bytes.size()) std::memcpy(bytes.data() + at, &number, 4);
      break;
    }
    case 5:  // A piece of itself once more.
      if (at < bytes.size()) bytes.insert(at, bytes.substr(at, 1 + random.Below(32)));
      break;
    case 6: {  // The tail of another message.
      const std::string& other = good[random.Below(good.size())].bytes;
      bytes = bytes.substr(0, at) + other.substr(std::min(other.size(), at));
      break;
    }
  }
}

void Fuzz(const std::vector<Vector>& good, uint64_t iterations, uint64_t seed) {
  Random random(seed);
  uint64_t decoded = 0;
  for (uint64_t i = 0; i < iterations && failures == 0; i++) {
    std::string bytes = good[random.Below(good.size())].bytes;
    for (size_t n = 1 + random.Below(4); n > 0; n--) Damage(random, bytes, good);
    Side from = random.Below(2) == 0 ? Side::host : Side::supervisor;
    subject = "seed " + std::to_string(seed) + ", iteration " + std::to_string(i) + ", " + Hex(bytes);
    ReadFrame(bytes, from);
    if (bytes.size() < kFrameHeaderSize) continue;
    // Once more with a header that agrees, and as the payload of some other message.
    uint16_t type = random.Below(3) == 0 ? static_cast<uint16_t>(1 + random.Below(22))
                                         : FrameHeader::Decode(Exact(bytes).span()).type;
    std::string payload = bytes.substr(kFrameHeaderSize);
    Outcome outcome = DecodePayload(type, payload);
    if (outcome.fault != "ok") continue;
    decoded++;
    Expect(outcome.again == payload, "encodes to other bytes");  // There is one encoding of each message.
  }
  std::printf("%llu damaged messages, %llu of which decode\n", static_cast<unsigned long long>(iterations),
              static_cast<unsigned long long>(decoded));
  if (failures != 0) return;
  subject = "random damage";
  Expect(iterations < 10000 || (decoded > iterations / 50 && decoded < iterations),
         "the damage is too small or too great to mean anything");
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: vectors_test DIRECTORY [ITERATIONS [SEED]]\n");
    return 2;
  }
  std::string directory = argv[1];
  uint64_t iterations = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100000;
  uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 20240607;

  std::vector<std::string> files;
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) return std::perror(directory.c_str()), 2;
  while (dirent* entry = readdir(dir))
    if (std::string_view(entry->d_name).ends_with(".txt")) files.push_back(entry->d_name);
  closedir(dir);
  std::sort(files.begin(), files.end());

  std::vector<Vector> good;
  size_t control = 0;
  for (const std::string& file : files) {
    subject = file;
    std::optional<Vector> v = ReadVector(directory + "/" + file, file);
    if (!v || v->kind != "control") continue;
    control++;
    CheckVector(*v);
    if (v->expect != "ok" || FindKind(v->type) == nullptr) continue;
    CheckVariations(*v);
    good.push_back(*v);
  }
  for (const Kind& kind : kKinds) {
    subject = kind.name;
    Expect(std::any_of(good.begin(), good.end(), [&](const Vector& v) { return v.type == kind.name; }),
           "no vector that is ok");
  }
  std::printf("%zu control vectors, %zu of which ok\n", control, good.size());
  CheckUtf8();
  if (!good.empty() && failures == 0) Fuzz(good, iterations, seed);
  if (failures != 0) std::fprintf(stderr, "%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace skerry::wire

int main(int argc, char** argv) { return skerry::wire::Main(argc, argv); }
