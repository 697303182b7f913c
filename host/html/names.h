// Names of HTML: which tag names mean something to the parser, and ASCII case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skerry::html {

inline constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
inline constexpr bool IsAlpha(char c) { return Lower(c) >= 'a' && Lower(c) <= 'z'; }
// ASCII whitespace of the standard, which the tokenizer knows.
inline constexpr bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'; }

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++) {
    if (a[i] != b[i] && Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

// What a tag name means to the parser; several may hold.
enum TagBits : uint32_t {
  kVoid = 1 << 0,        // Has no content and no end tag (HTML §13.1.2).
  kRcdata = 1 << 1,      // Its content is text with character references,
  kRawtext = 1 << 2,     // text,
  kScriptText = 1 << 3,  // a script,
  kPlaintext = 1 << 4,   // text to the end of the document.
  kBreakout = 1 << 5,    // As a start tag it ends foreign content (§13.2.6.5).
  kSvgPoint = 1 << 6,    // In SVG: an HTML integration point.
  kMathPoint = 1 << 7,   // In MathML: a text integration point.
  kSvg = 1 << 8,         // The elements that the rules name one by one.
  kMath = 1 << 9,
  kFont = 1 << 10,
  kAnnotationXml = 1 << 11,
  kLeavesForeign = 1 << 12,  // As an end tag it ends foreign content: p, br.
  kSelect = 1 << 13,
  kLeavesSelect = 1 << 14,  // select, textarea, input, keygen.
  kTemplate = 1 << 15,
  kFrameset = 1 << 16,
  kNoframes = 1 << 17,
  kSpecial = 1 << 18,  // "Special" (§13.2.4.2): an end tag does not reach past it.
};
inline constexpr uint32_t kTextContent = kRcdata | kRawtext | kScriptText | kPlaintext;

// The bits of a tag name in lower case; 0 if it means nothing special.
uint32_t TagBitsOf(std::string_view lower_name);

}  // namespace skerry::html
