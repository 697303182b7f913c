// The parts of Brotli 1.2 (https://github.com/google/brotli) and Zstandard 1.5 (https://github.com/facebook/zstd) that
// codec.cc calls. The Node binary exports them but ships no headers. Names and values are those of their public
// interface (brotli/encode.h, brotli/decode.h, zstd.h).
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct BrotliEncoderState;
struct BrotliDecoderState;

BrotliEncoderState* BrotliEncoderCreateInstance(void* (*alloc)(void*, size_t), void (*free)(void*, void*),
                                                void* opaque);
void BrotliEncoderDestroyInstance(BrotliEncoderState* state);
int BrotliEncoderSetParameter(BrotliEncoderState* state, int parameter, uint32_t value);
int BrotliEncoderCompressStream(BrotliEncoderState* state, int operation, size_t* available_in, const uint8_t** next_in,
                                size_t* available_out, uint8_t** next_out, size_t* total_out);
int BrotliEncoderIsFinished(BrotliEncoderState* state);
int BrotliEncoderHasMoreOutput(BrotliEncoderState* state);

BrotliDecoderState* BrotliDecoderCreateInstance(void* (*alloc)(void*, size_t), void (*free)(void*, void*),
                                                void* opaque);
void BrotliDecoderDestroyInstance(BrotliDecoderState* state);
int BrotliDecoderDecompressStream(BrotliDecoderState* state, size_t* available_in, const uint8_t** next_in,
                                  size_t* available_out, uint8_t** next_out, size_t* total_out);
int BrotliDecoderGetErrorCode(const BrotliDecoderState* state);

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;
struct ZSTD_customMem {
  void* (*alloc)(void* opaque, size_t size);
  void (*free)(void* opaque, void* data);
  void* opaque;
};
struct ZSTD_inBuffer {
  const void* src;
  size_t size;
  size_t pos;
};
struct ZSTD_outBuffer {
  void* dst;
  size_t size;
  size_t pos;
};

ZSTD_CCtx_s* ZSTD_createCCtx_advanced(ZSTD_customMem memory);
size_t ZSTD_freeCCtx(ZSTD_CCtx_s* context);
size_t ZSTD_CCtx_setParameter(ZSTD_CCtx_s* context, int parameter, int value);
size_t ZSTD_compressStream2(ZSTD_CCtx_s* context, ZSTD_outBuffer* out, ZSTD_inBuffer* in, int operation);

ZSTD_DCtx_s* ZSTD_createDCtx_advanced(ZSTD_customMem memory);
size_t ZSTD_freeDCtx(ZSTD_DCtx_s* context);
size_t ZSTD_DCtx_setParameter(ZSTD_DCtx_s* context, int parameter, int value);
size_t ZSTD_decompressStream(ZSTD_DCtx_s* context, ZSTD_outBuffer* out, ZSTD_inBuffer* in);

unsigned ZSTD_isError(size_t result);
int ZSTD_getErrorCode(size_t result);

}  // extern "C"

namespace skerry {

inline constexpr int kBrotliParamQuality = 1;
inline constexpr int kBrotliParamLgwin = 2;
inline constexpr int kBrotliOperationProcess = 0;
inline constexpr int kBrotliOperationFinish = 2;
inline constexpr int kBrotliDecoderError = 0;
inline constexpr int kBrotliDecoderSuccess = 1;
inline constexpr int kBrotliDecoderNeedsMoreOutput = 3;
// BROTLI_DECODER_ERROR_ALLOC_…: there was no memory.
inline constexpr int kBrotliDecoderAllocFirst = -21;
inline constexpr int kBrotliDecoderAllocLast = -30;

inline constexpr int kZstdCompressionLevel = 100;
inline constexpr int kZstdWindowLog = 101;
inline constexpr int kZstdWindowLogMax = 100;
inline constexpr int kZstdContinue = 0;
inline constexpr int kZstdEnd = 2;
inline constexpr int kZstdErrorMemory = 64;

}  // namespace skerry
