// Selectors of the HTML rewriter: parsing (https://www.w3.org/TR/selectors-4/ as far as the original platform has it)
// and the program that the matcher runs. What is refused, and with which words, is the platform's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skerry::html {

// Bytes of all selectors of one rewriter together.
inline constexpr size_t kSelectorTextMax = 256 << 10;
// :not() inside :not().
inline constexpr int kNegationDepthMax = 32;

struct NameTest {
  enum class Kind : uint8_t { kAny, kNever, kName, kNthChild, kNthOfType };
  Kind kind = Kind::kAny;
  bool negated = false;
  int32_t step = 0, offset = 0;
  std::string name;  // Lower case.
};

struct AttributeTest {
  enum class Kind : uint8_t { kExists, kId, kClass, kEquals, kIncludes, kDash, kPrefix, kSuffix, kSubstring };
  enum class Case : uint8_t { kSensitive, kInsensitive, kInsensitiveInHtml };
  Kind kind = Kind::kExists;
  Case letters = Case::kSensitive;
  bool negated = false;
  bool never = false;  // Its operand cannot be in a document of this encoding.
  std::string name;    // Lower case.
  std::string value;
  std::vector<uint32_t> borders;  // Of kSubstring: of each prefix of value, its longest border (Knuth, Morris, Pratt).
};

// One compound selector and what may come after it.
struct SelectorNode {
  std::vector<NameTest> names;
  std::vector<AttributeTest> attributes;
  std::vector<uint32_t> children;     // Nodes after ">".
  std::vector<uint32_t> descendants;  // Nodes after a space.
  std::vector<uint32_t> matches;      // Selectors that end here.
};

struct SelectorProgram {
  std::vector<SelectorNode> nodes;
  std::vector<uint32_t> roots;
  bool counts_types = false;  // Some :nth-of-type() is there.
};

// Bytes that a program takes, about.
size_t ProgramBytes(const SelectorProgram& program);

// Adds a selector list under the number `selector`. Null if that went well, else what is wrong, as the platform says
// it. utf8: text is UTF-8 and so is the document; else the text has the document's bytes.
const char* AddSelector(SelectorProgram& program, std::string_view text, uint32_t selector, bool utf8);

}  // namespace skerry::html
