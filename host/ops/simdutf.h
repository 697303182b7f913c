// The part of simdutf 7 (https://github.com/simdutf/simdutf, as in the Node binary) that operations call. The binary
// exports it but ships no header. Conversions return the units written, 0 for input that is not valid.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simdutf {

enum error_code { SUCCESS = 0 };

struct result {
  error_code error;
  size_t count;  // Where the error is, or what was written.
};

bool validate_ascii(const char* data, size_t size);
result validate_ascii_with_errors(const char* data, size_t size);
result validate_utf8_with_errors(const char* data, size_t size);
bool validate_utf16le(const char16_t* data, size_t units);
result validate_utf16le_with_errors(const char16_t* data, size_t units);

size_t utf8_length_from_latin1(const char* data, size_t size);
size_t utf8_length_from_utf16le(const char16_t* data, size_t units);  // Of valid input.
size_t convert_latin1_to_utf8(const char* data, size_t size, char* out);
size_t convert_utf16le_to_utf8(const char16_t* data, size_t units, char* out);
size_t convert_utf16le_to_latin1(const char16_t* data, size_t units, char* out);
size_t convert_utf8_to_latin1(const char* data, size_t size, char* out);
size_t convert_utf8_to_utf16le(const char* data, size_t size, char16_t* out);
void to_well_formed_utf16le(const char16_t* data, size_t units, char16_t* out);
void change_endianness_utf16(const char16_t* data, size_t units, char16_t* out);

enum base64_options : uint64_t { base64_default = 0 };
enum last_chunk_handling_options : uint64_t { loose = 0 };

size_t base64_length_from_binary(size_t size, base64_options options);
size_t binary_to_base64(const char* data, size_t size, char* out, base64_options options);
size_t maximal_binary_length_from_base64(const char* data, size_t size);
size_t maximal_binary_length_from_base64(const char16_t* data, size_t units);
// WHATWG forgiving-base64 decode.
result base64_to_binary(const char* data, size_t size, char* out, base64_options options,
                        last_chunk_handling_options last);
result base64_to_binary(const char16_t* data, size_t units, char* out, base64_options options,
                        last_chunk_handling_options last);

}  // namespace simdutf
