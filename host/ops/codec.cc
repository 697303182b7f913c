// Compression and decompression (https://compression.spec.whatwg.org/) on zlib, Brotli and Zstandard of the Node
// binary. Contract: runtime/bootstrap/native.ts, "compression".
//
// A codec lives in the memory of an ArrayBuffer that only the runtime layer holds: V8 knows what it costs, and destroys
// it when it is collected or when the isolate goes, whichever comes first. Everything a codec allocates comes from the
// isolate's ArrayBuffer allocator, so it counts against the isolate's memory, and a refusal is an error of that stream.
#include <zlib.h>

#include <cstring>
#include <new>

#include "args.h"
#include "codecs.h"
#include "op.h"

namespace skerry {
namespace {

using v8::Array;
using v8::ArrayBuffer;
using v8::BackingStore;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::Value;

// One step reads and writes no more than this: bytes. Between two steps JavaScript runs, and can be terminated.
constexpr size_t kInputMax = 64u << 10;
constexpr size_t kOutputMax = 64u << 10;

// The order is that of the runtime layer (web/compression.ts).
enum class Format : uint32_t { kDeflate, kDeflateRaw, kGzip, kBrotli, kZstd, kCount };

enum class Status : uint32_t {
  kWantsInput,
  kHasMore,  // There is more output.
  kEnded,    // The end of the format was reached.
  kCorrupt,
  kNoMemory,
};

// Memory of one codec: what fits comes from its ArrayBuffer, the rest from the isolate's allocator in blocks.
class Memory {
 public:
  Memory(ArrayBuffer::Allocator* allocator, char* arena, size_t size)
      : allocator_(allocator), arena_(arena), size_(size) {}

  void* Allocate(size_t size) {
    if (size > kMax) return nullptr;
    const size_t rounded = (size + kAlign - 1) & ~(kAlign - 1);
    if (rounded <= size_ - used_) {
      void* data = arena_ + used_;
      used_ += rounded;
      return data;
    }
    auto* block = static_cast<char*>(allocator_->AllocateUninitialized(size + kAlign));
    if (block == nullptr) return nullptr;
    std::memcpy(block, &size, sizeof size);
    return block + kAlign;
  }
  void Free(void* data) {
    auto* bytes = static_cast<char*>(data);
    if (bytes == nullptr || (bytes >= arena_ && bytes < arena_ + size_)) return;  // The arena goes as a whole.
    size_t size;
    std::memcpy(&size, bytes - kAlign, sizeof size);
    allocator_->Free(bytes - kAlign, size + kAlign);
  }
  ArrayBuffer::Allocator* allocator() const { return allocator_; }

 private:
  static constexpr size_t kAlign = 16;
  static constexpr size_t kMax = size_t{1} << 30;

  ArrayBuffer::Allocator* const allocator_;
  char* const arena_;
  const size_t size_;
  size_t used_ = 0;
};

void* AllocateBlock(void* memory, size_t size) { return static_cast<Memory*>(memory)->Allocate(size); }
void FreeBlock(void* memory, void* data) { static_cast<Memory*>(memory)->Free(data); }
void* AllocateItems(void* memory, unsigned count, unsigned size) {
  return static_cast<Memory*>(memory)->Allocate(size_t{count} * size);
}

struct Piece {
  const uint8_t* in;
  size_t in_size;  // What is left of it afterwards.
  uint8_t* out;
  size_t out_size;  // What room is left afterwards.
  bool finish;      // There is no more input.
};

constexpr size_t kArenaMin = 32u << 10;  // No codec has less: bytes.

const char kMagic[] = "skerry codec";  // Its address marks the memory of a codec.

class Codec {
 public:
  explicit Codec(Memory memory) : memory_(memory) {}
  virtual ~Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  // Before anything else. False if there is no memory.
  virtual bool Start() = 0;
  virtual Status Run(Piece& piece) = 0;

  bool IsCodec() const { return magic_ == kMagic; }
  ArrayBuffer::Allocator* allocator() const { return memory_.allocator(); }

 protected:
  Memory memory_;

 private:
  const char* const magic_ = kMagic;
};

class Zlib : public Codec {
 public:
  Zlib(Memory memory, Format format) : Codec(memory) {
    bits_ = format == Format::kDeflateRaw ? -MAX_WBITS : format == Format::kGzip ? MAX_WBITS + 16 : MAX_WBITS;
    stream_.zalloc = &AllocateItems;
    stream_.zfree = &FreeBlock;
    stream_.opaque = &memory_;
  }

 protected:
  void Load(const Piece& piece) {
    stream_.next_in = const_cast<uint8_t*>(piece.in);
    stream_.avail_in = static_cast<unsigned>(piece.in_size);
    stream_.next_out = piece.out;
    stream_.avail_out = static_cast<unsigned>(piece.out_size);
  }
  Status Store(Piece& piece, int result) {
    piece.in_size = stream_.avail_in;
    piece.out_size = stream_.avail_out;
    switch (result) {
      case Z_OK:
      case Z_BUF_ERROR:  // No progress was possible.
        return stream_.avail_out == 0 ? Status::kHasMore : Status::kWantsInput;
      case Z_STREAM_END:
        return Status::kEnded;
      case Z_MEM_ERROR:
        return Status::kNoMemory;
      default:  // Z_NEED_DICT among them: preset dictionaries are errors.
        return Status::kCorrupt;
    }
  }

  z_stream stream_{};
  int bits_;
};

class Deflater final : public Zlib {
 public:
  using Zlib::Zlib;
  ~Deflater() override { deflateEnd(&stream_); }
  bool Start() override {
    return deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits_, kMemLevel, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  Status Run(Piece& piece) override {
    Load(piece);
    return Store(piece, deflate(&stream_, piece.finish ? Z_FINISH : Z_NO_FLUSH));
  }

 private:
  static constexpr int kMemLevel = 8;  // zlib's own choice.
};

class Inflater final : public Zlib {
 public:
  using Zlib::Zlib;
  ~Inflater() override { inflateEnd(&stream_); }
  bool Start() override { return inflateInit2(&stream_, bits_) == Z_OK; }
  Status Run(Piece& piece) override {
    Load(piece);
    return Store(piece, inflate(&stream_, Z_NO_FLUSH));
  }
};

class BrotliCompressor final : public Codec {
 public:
  using Codec::Codec;
  ~BrotliCompressor() override {
    if (state_ != nullptr) BrotliEncoderDestroyInstance(state_);
  }
  bool Start() override {
    state_ = BrotliEncoderCreateInstance(&AllocateBlock, &FreeBlock, &memory_);
    return state_ != nullptr && BrotliEncoderSetParameter(state_, kBrotliParamQuality, kQuality) &&
           BrotliEncoderSetParameter(state_, kBrotliParamLgwin, kWindowBits);
  }
  Status Run(Piece& piece) override {
    const int operation = piece.finish ? kBrotliOperationFinish : kBrotliOperationProcess;
    if (!BrotliEncoderCompressStream(state_, operation, &piece.in_size, &piece.in, &piece.out_size, &piece.out,
                                     nullptr))
      return Status::kNoMemory;  // The only thing that can go wrong.
    if (BrotliEncoderIsFinished(state_)) return Status::kEnded;
    return BrotliEncoderHasMoreOutput(state_) ? Status::kHasMore : Status::kWantsInput;
  }

 private:
  // As CDNs do on the fly: quality 11, Brotli's own choice, takes some 100 times as long.
  static constexpr uint32_t kQuality = 5;
  static constexpr uint32_t kWindowBits = 18;

  BrotliEncoderState* state_ = nullptr;
};

class BrotliDecompressor final : public Codec {
 public:
  using Codec::Codec;
  ~BrotliDecompressor() override {
    if (state_ != nullptr) BrotliDecoderDestroyInstance(state_);
  }
  bool Start() override {
    state_ = BrotliDecoderCreateInstance(&AllocateBlock, &FreeBlock, &memory_);
    return state_ != nullptr;
  }
  Status Run(Piece& piece) override {
    switch (BrotliDecoderDecompressStream(state_, &piece.in_size, &piece.in, &piece.out_size, &piece.out, nullptr)) {
      case kBrotliDecoderError: {
        const int code = BrotliDecoderGetErrorCode(state_);
        return code <= kBrotliDecoderAllocFirst && code >= kBrotliDecoderAllocLast ? Status::kNoMemory
                                                                                   : Status::kCorrupt;
      }
      case kBrotliDecoderSuccess:
        return Status::kEnded;
      case kBrotliDecoderNeedsMoreOutput:
        return Status::kHasMore;
      default:
        return Status::kWantsInput;
    }
  }

 private:
  BrotliDecoderState* state_ = nullptr;
};

Status ZstdError(size_t result) {
  return ZSTD_getErrorCode(result) == kZstdErrorMemory ? Status::kNoMemory : Status::kCorrupt;
}

void Advance(Piece& piece, const ZSTD_inBuffer& in, const ZSTD_outBuffer& out) {
  piece.in_size -= in.pos;
  piece.out_size -= out.pos;
}

class ZstdCompressor final : public Codec {
 public:
  using Codec::Codec;
  ~ZstdCompressor() override { ZSTD_freeCCtx(context_); }
  bool Start() override {
    context_ = ZSTD_createCCtx_advanced({&AllocateBlock, &FreeBlock, &memory_});
    return context_ != nullptr && !ZSTD_isError(ZSTD_CCtx_setParameter(context_, kZstdCompressionLevel, kLevel)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context_, kZstdWindowLog, kWindowBits));
  }
  Status Run(Piece& piece) override {
    ZSTD_inBuffer in{piece.in, piece.in_size, 0};
    ZSTD_outBuffer out{piece.out, piece.out_size, 0};
    const size_t left = ZSTD_compressStream2(context_, &out, &in, piece.finish ? kZstdEnd : kZstdContinue);
    Advance(piece, in, out);
    if (ZSTD_isError(left)) return ZstdError(left);
    if (piece.finish) return left == 0 ? Status::kEnded : Status::kHasMore;
    return piece.out_size == 0 ? Status::kHasMore : Status::kWantsInput;
  }

 private:
  static constexpr int kLevel = 3;  // Zstandard's own choice.
  static constexpr int kWindowBits = 18;

  ZSTD_CCtx_s* context_ = nullptr;
};

// One or more frames (RFC 8878 §3): input after a frame must be another one.
class ZstdDecompressor final : public Codec {
 public:
  using Codec::Codec;
  ~ZstdDecompressor() override { ZSTD_freeDCtx(context_); }
  bool Start() override {
    context_ = ZSTD_createDCtx_advanced({&AllocateBlock, &FreeBlock, &memory_});
    return context_ != nullptr && !ZSTD_isError(ZSTD_DCtx_setParameter(context_, kZstdWindowLogMax, kWindowBitsMax));
  }
  Status Run(Piece& piece) override {
    if (piece.in_size == 0 && between_frames_) return started_ ? Status::kEnded : Status::kWantsInput;
    ZSTD_inBuffer in{piece.in, piece.in_size, 0};
    ZSTD_outBuffer out{piece.out, piece.out_size, 0};
    const size_t hint = ZSTD_decompressStream(context_, &out, &in);
    Advance(piece, in, out);
    if (ZSTD_isError(hint)) return ZstdError(hint);
    started_ = true;
    between_frames_ = hint == 0;
    if (between_frames_) return piece.in_size == 0 ? Status::kWantsInput : Status::kHasMore;
    return piece.out_size == 0 ? Status::kHasMore : Status::kWantsInput;
  }

 private:
  // RFC 9659: the window of the content coding is at most 8 MiB.
  static constexpr int kWindowBitsMax = 23;

  ZSTD_DCtx_s* context_ = nullptr;
  bool started_ = false;
  bool between_frames_ = true;
};

// Nearly what a codec allocates at once, so that V8 knows from the start what it costs: bytes.
size_t ArenaBytes(Format format, bool decompress) {
  switch (format) {
    case Format::kBrotli:
      return decompress ? kArenaMin : 2u << 20;
    case Format::kZstd:
      return decompress ? 98u << 10 : 1792u << 10;
    default:
      return decompress ? 42u << 10 : 288u << 10;
  }
}

template <typename Kind, typename... Arguments>
Codec* Make(ArrayBuffer::Allocator* allocator, char* data, size_t size, Arguments... arguments) {
  constexpr size_t kHead = (sizeof(Kind) + 15) & ~size_t{15};
  return new (data) Kind(Memory(allocator, data + kHead, size - kHead), arguments...);
}

Codec* MakeCodec(Format format, bool decompress, ArrayBuffer::Allocator* allocator, char* data, size_t size) {
  switch (format) {
    case Format::kBrotli:
      return decompress ? Make<BrotliDecompressor>(allocator, data, size)
                        : Make<BrotliCompressor>(allocator, data, size);
    case Format::kZstd:
      return decompress ? Make<ZstdDecompressor>(allocator, data, size) : Make<ZstdCompressor>(allocator, data, size);
    default:
      return decompress ? Make<Inflater>(allocator, data, size, format) : Make<Deflater>(allocator, data, size, format);
  }
}

// Called by V8 when the buffer is detached, collected or goes with its isolate, on any thread.
void Destroy(void* data, size_t size, void*) {
  auto* codec = static_cast<Codec*>(data);
  ArrayBuffer::Allocator* allocator = codec->allocator();
  codec->~Codec();
  allocator->Free(data, size);
}

void Discard(Local<ArrayBuffer> buffer) {
  [[maybe_unused]] const bool detached = buffer->Detach(Local<Value>()).FromMaybe(false);
}

// codecNew(format, decompress)
void CodecNewOp(const Args& info) {
  Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsUint32() || info[0].As<v8::Uint32>()->Value() >= static_cast<uint32_t>(Format::kCount))
    return ThrowBadArgument(isolate, "codecNew", 0, "a format");
  const auto format = static_cast<Format>(info[0].As<v8::Uint32>()->Value());
  const bool decompress = info[1]->IsTrue();
  const size_t size = ArenaBytes(format, decompress);
  ArrayBuffer::Allocator* allocator = isolate->GetArrayBufferAllocator();
  auto* data = static_cast<char*>(allocator->AllocateUninitialized(size));
  if (data == nullptr) {
    isolate->LowMemoryNotification();  // Codecs that nobody holds any more may be in the way.
    data = static_cast<char*>(allocator->AllocateUninitialized(size));
  }
  if (data == nullptr) return ThrowOutOfMemory(isolate);
  Codec* codec = MakeCodec(format, decompress, allocator, data, size);
  const bool started = codec->Start();
  Local<ArrayBuffer> buffer = ArrayBuffer::New(isolate, ArrayBuffer::NewBackingStore(data, size, &Destroy, nullptr));
  if (!started) {
    Discard(buffer);
    return ThrowOutOfMemory(isolate);
  }
  info.GetReturnValue().Set(buffer);
}

// The codec in an argument; null with a TypeError pending if there is none.
Codec* CodecArg(const Args& info, const char* op) {
  if (info[0]->IsArrayBuffer()) {
    Local<ArrayBuffer> buffer = info[0].As<ArrayBuffer>();
    auto* codec = static_cast<Codec*>(buffer->Data());
    if (codec != nullptr && buffer->ByteLength() >= kArenaMin && codec->IsCodec()) return codec;
  }
  ThrowBadArgument(info.GetIsolate(), op, 0, "a codec");
  return nullptr;
}

// codecStep(codec, bytes, from, finish)
void CodecStepOp(const Args& info) {
  static constexpr char kOp[] = "codecStep";
  Isolate* isolate = info.GetIsolate();
  Codec* codec = CodecArg(info, kOp);
  if (codec == nullptr) return;
  Bytes bytes;
  if (!bytes.Init(info, 1, kOp)) return;
  if (!info[2]->IsNumber()) return ThrowBadArgument(isolate, kOp, 2, "a number");
  const double from = info[2].As<v8::Number>()->Value();
  if (!(from >= 0 && from <= static_cast<double>(bytes.size())))
    return ThrowBadArgument(isolate, kOp, 2, "within the bytes");
  const size_t start = static_cast<size_t>(from);
  const size_t left = bytes.size() - start;
  const size_t given = left < kInputMax ? left : kInputMax;
  Scratch<uint8_t, 64> out(kOutputMax);
  if (!out) return ThrowOutOfMemory(isolate);

  Piece piece{reinterpret_cast<const uint8_t*>(bytes.data()) + start, given, out.data(), kOutputMax,
              given == left && info[3]->IsTrue()};
  const Status status = codec->Run(piece);
  const size_t written = kOutputMax - piece.out_size;
  Local<Value> output = Undefined(isolate);
  if (written != 0) {
    char* data;
    Local<v8::Uint8Array> made;
    if (!NewBytes(isolate, written, &data).ToLocal(&made)) return;
    std::memcpy(data, out.data(), written);
    output = made;
  }
  Local<Value> result[] = {output, Integer::NewFromUnsigned(isolate, static_cast<uint32_t>(given - piece.in_size)),
                           Integer::NewFromUnsigned(isolate, static_cast<uint32_t>(status))};
  info.GetReturnValue().Set(Array::New(isolate, result, 3));
}

// codecFree(codec)
void CodecFreeOp(const Args& info) {
  if (CodecArg(info, "codecFree") != nullptr) Discard(info[0].As<ArrayBuffer>());
}

constexpr Op kOps[] = {{"codecNew", CodecNewOp, 2}, {"codecStep", CodecStepOp, 4}, {"codecFree", CodecFreeOp, 1}};

}  // namespace

std::span<const Op> CodecOps() { return kOps; }

}  // namespace skerry
