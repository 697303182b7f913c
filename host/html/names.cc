#include "html/names.h"

#include <array>

namespace skerry::html {
namespace {

struct Entry {
  std::string_view name;
  uint32_t bits;
};

constexpr Entry kEntries[] = {
    {"address", kSpecial},
    {"annotation-xml", kAnnotationXml},
    {"applet", kSpecial},
    {"area", kVoid | kSpecial},
    {"article", kSpecial},
    {"aside", kSpecial},
    {"b", kBreakout},
    {"base", kVoid | kSpecial},
    {"basefont", kVoid | kSpecial},
    {"bgsound", kVoid | kSpecial},
    {"big", kBreakout},
    {"blockquote", kBreakout | kSpecial},
    {"body", kBreakout | kSpecial},
    {"br", kVoid | kBreakout | kLeavesForeign | kSpecial},
    {"button", kSpecial},
    {"caption", kSpecial},
    {"center", kBreakout | kSpecial},
    {"code", kBreakout},
    {"col", kVoid | kSpecial},
    {"colgroup", kSpecial},
    {"dd", kBreakout | kSpecial},
    {"desc", kSvgPoint},
    {"details", kSpecial},
    {"dir", kSpecial},
    {"div", kBreakout | kSpecial},
    {"dl", kBreakout | kSpecial},
    {"dt", kBreakout | kSpecial},
    {"em", kBreakout},
    {"embed", kVoid | kBreakout | kSpecial},
    {"fieldset", kSpecial},
    {"figcaption", kSpecial},
    {"figure", kSpecial},
    {"font", kFont},
    {"footer", kSpecial},
    {"foreignobject", kSvgPoint},
    {"form", kSpecial},
    {"frame", kSpecial},
    {"frameset", kFrameset | kSpecial},
    {"h1", kBreakout | kSpecial},
    {"h2", kBreakout | kSpecial},
    {"h3", kBreakout | kSpecial},
    {"h4", kBreakout | kSpecial},
    {"h5", kBreakout | kSpecial},
    {"h6", kBreakout | kSpecial},
    {"head", kBreakout | kSpecial},
    {"header", kSpecial},
    {"hgroup", kSpecial},
    {"hr", kVoid | kBreakout | kSpecial},
    {"html", kSpecial},
    {"i", kBreakout},
    {"iframe", kRawtext | kSpecial},
    {"img", kVoid | kBreakout | kSpecial},
    {"input", kVoid | kLeavesSelect | kSpecial},
    {"keygen", kVoid | kLeavesSelect | kSpecial},
    {"li", kBreakout | kSpecial},
    {"link", kVoid | kSpecial},
    {"listing", kBreakout | kSpecial},
    {"main", kSpecial},
    {"marquee", kSpecial},
    {"math", kMath},
    {"menu", kBreakout | kSpecial},
    {"meta", kVoid | kBreakout | kSpecial},
    {"mi", kMathPoint},
    {"mn", kMathPoint},
    {"mo", kMathPoint},
    {"ms", kMathPoint},
    {"mtext", kMathPoint},
    {"nav", kSpecial},
    {"nobr", kBreakout},
    {"noembed", kRawtext | kSpecial},
    {"noframes", kRawtext | kNoframes | kSpecial},
    {"noscript", kRawtext | kSpecial},
    {"object", kSpecial},
    {"ol", kBreakout | kSpecial},
    {"p", kBreakout | kLeavesForeign | kSpecial},
    {"param", kVoid | kSpecial},
    {"plaintext", kPlaintext | kSpecial},
    {"pre", kBreakout | kSpecial},
    {"ruby", kBreakout},
    {"s", kBreakout},
    {"script", kScriptText | kSpecial},
    {"search", kSpecial},
    {"section", kSpecial},
    {"select", kSelect | kLeavesSelect | kSpecial},
    {"small", kBreakout},
    {"source", kVoid | kSpecial},
    {"span", kBreakout},
    {"strike", kBreakout},
    {"strong", kBreakout},
    {"style", kRawtext | kSpecial},
    {"sub", kBreakout},
    {"summary", kSpecial},
    {"sup", kBreakout},
    {"svg", kSvg},
    {"table", kBreakout | kSpecial},
    {"tbody", kSpecial},
    {"td", kSpecial},
    {"template", kTemplate | kSpecial},
    {"textarea", kRcdata | kLeavesSelect | kSpecial},
    {"tfoot", kSpecial},
    {"th", kSpecial},
    {"thead", kSpecial},
    {"title", kRcdata | kSvgPoint | kSpecial},
    {"tr", kSpecial},
    {"track", kVoid | kSpecial},
    {"tt", kBreakout},
    {"u", kBreakout},
    {"ul", kBreakout | kSpecial},
    {"var", kBreakout},
    {"wbr", kVoid | kSpecial},
    {"xmp", kRawtext | kSpecial},
};

constexpr size_t kLongest = 14;  // annotation-xml
constexpr size_t kSlots = 512;

constexpr size_t Hash(std::string_view name) {
  uint32_t h = 2166136261u;
  for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return (h ^ (h >> 15)) % kSlots;
}

// Open addressing; -1 is free.
constexpr std::array<int16_t, kSlots> kTable = [] {
  std::array<int16_t, kSlots> table{};
  for (int16_t& slot : table) slot = -1;
  for (size_t i = 0; i < std::size(kEntries); i++) {
    size_t at = Hash(kEntries[i].name);
    while (table[at] >= 0) at = (at + 1) % kSlots;
    table[at] = static_cast<int16_t>(i);
  }
  return table;
}();

}  // namespace

uint32_t TagBitsOf(std::string_view lower_name) {
  if (lower_name.size() > kLongest) return 0;
  for (size_t at = Hash(lower_name); kTable[at] >= 0; at = (at + 1) % kSlots) {
    const Entry& entry = kEntries[kTable[at]];
    if (entry.name == lower_name) return entry.bits;
  }
  return 0;
}

}  // namespace skerry::html
