// How an operation of the runtime layer's `native` object is declared. One table per file of host/ops; the tables are
// joined in ops.cc, which also derives the snapshot's external references from them, so that an operation cannot be
// in one and not in the other. Contract of each operation: runtime/bootstrap/native.ts.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace skerry {

// The name of the script that the runtime layer is.
inline constexpr char kRuntimeScript[] = "skerry:runtime";

struct Op {
  const char* name;
  v8::FunctionCallback function;
  int length;  // Number of parameters.
};

// Leaf tables: operations that need nothing but V8 (and OpenSSL, Ada, simdutf, zlib, Brotli, Zstandard).
std::span<const Op> TextOps();
std::span<const Op> DecodeOps();
std::span<const Op> CodecOps();
std::span<const Op> UrlOps();
std::span<const Op> RandomOps();
std::span<const Op> CryptoOps();
std::span<const Op> CloneOps();
std::span<const Op> InspectOps();
std::span<const Op> HtmlOps();
std::span<const Op> LazyOps();
// Callbacks of lazy.cc that are no operations but that the snapshot must know as well.
std::span<const intptr_t> LazyReferences();

}  // namespace skerry
