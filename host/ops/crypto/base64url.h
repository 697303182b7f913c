// base64url without padding (RFC 4648 §5), as JSON Web Keys have it. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace skerry::crypto {

std::string EncodeBase64Url(const uint8_t* data, size_t size);
// False if there is a character, or a length, that the encoding does not have.
bool DecodeBase64Url(std::string_view text, std::string* out);

}  // namespace skerry::crypto
