#include "html/selector.h"

#include <climits>

#include "html/names.h"

namespace skerry::html {
namespace {

constexpr const char* kUnexpectedToken = "Unexpected token in selector.";
constexpr const char* kUnexpectedEnd = "Unexpected end of selector.";
constexpr const char* kEmpty = "The selector is empty.";
constexpr const char* kDangling = "Dangling combinator in selector.";
constexpr const char* kMissingAttribute = "Missing attribute name in attribute selector.";
constexpr const char* kBadAttribute = "Unexpected token in the attribute selector.";
constexpr const char* kUnsupportedPseudo = "Unsupported pseudo-class or pseudo-element in selector.";
constexpr const char* kNestedNegation = "Nested negation in selector.";
constexpr const char* kNamespaced = "Selectors with explicit namespaces are not supported.";
constexpr const char* kBadClass = "Invalid or unescaped class name in selector.";
constexpr const char* kNextSibling = "Unsupported combinator `+` in selector.";
constexpr const char* kLaterSibling = "Unsupported combinator `~` in selector.";
constexpr const char* kUnsupportedSyntax = "Unsupported syntax in selector.";

// HTML §16.2, "case-sensitivity of selectors": values of these attributes are compared without regard to case.
constexpr std::string_view kCaselessAttributes[] = {
    "accept",   "accept-charset", "align",    "alink",      "axis",   "bgcolor",  "charset",   "checked",  "clear",
    "codetype", "color",          "compact",  "declare",    "defer",  "dir",      "direction", "disabled", "enctype",
    "face",     "frame",          "hreflang", "http-equiv", "lang",   "language", "link",      "media",    "method",
    "multiple", "nohref",         "noresize", "noshade",    "nowrap", "readonly", "rel",       "rev",      "rules",
    "scope",    "scrolling",      "selected", "shape",      "target", "text",     "type",      "valign",   "valuetype",
    "vlink",
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (Lower(c) >= 'a' && Lower(c) <= 'f'); }
bool IsIdentifierStart(char c) { return IsAlpha(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80 || c == '\0'; }
bool IsIdentifierPart(char c) { return IsIdentifierStart(c) || IsDigit(c) || c == '-'; }

void AppendUtf8(std::string& out, uint32_t c) {
  if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

struct Text {
  std::string value;
  bool never = false;  // Has a character beyond ASCII by escape, in a document that is not UTF-8.
};

struct Compound {
  std::vector<NameTest> names;
  std::vector<AttributeTest> attributes;
  char combinator = 0;  // Before it: 0 for none, ' ' or '>'.
};

class Parser {
 public:
  Parser(std::string_view text, bool utf8) : text_(text), utf8_(utf8) {}

  // A list up to the end or, with depth > 0, to the closing bracket, which is taken. Compounds of a list inside :not()
  // go into `into`, negated or not; others into `complex`.
  bool List(std::vector<std::vector<Compound>>* complex, Compound* into, bool negated, int depth) {
    for (;;) {
      std::vector<Compound> parts;
      if (!Complex(&parts, into, negated, depth)) return false;
      if (complex != nullptr) complex->push_back(std::move(parts));
      Skip();
      if (AtEnd()) break;
      if (Peek() == ',') {
        at_++;
        continue;
      }
      if (Peek() == ')' && depth > 0) {
        at_++;
        break;
      }
      return Fail(kUnexpectedToken);
    }
    return true;
  }

  const char* error() const { return error_ != nullptr ? error_ : unsupported_; }

 private:
  bool AtEnd(size_t ahead = 0) const { return at_ + ahead >= text_.size(); }
  char Peek(size_t ahead = 0) const { return AtEnd(ahead) ? ' ' : text_[at_ + ahead]; }
  bool Fail(const char* error) {
    if (error_ == nullptr) error_ = error;
    return false;
  }
  // What parses but has no meaning here is reported only if nothing worse comes.
  void Unsupported(const char* error) {
    if (unsupported_ == nullptr) unsupported_ = error;
  }

  void SkipComments() {
    while (Peek() == '/' && !AtEnd(1) && Peek(1) == '*') {
      const size_t end = text_.find("*/", at_ + 2);
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
    }
  }
  // Whitespace and comments; true if there was whitespace.
  bool Skip() {
    bool space = false;
    for (;;) {
      SkipComments();
      if (AtEnd() || !IsSpace(text_[at_])) return space;
      at_++;
      space = true;
    }
  }

  bool IsEscape(size_t ahead) const {
    if (AtEnd(ahead) || text_[at_ + ahead] != '\\') return false;
    return AtEnd(ahead + 1) ||
           (text_[at_ + ahead + 1] != '\n' && text_[at_ + ahead + 1] != '\r' && text_[at_ + ahead + 1] != '\f');
  }
  bool StartsIdentifier(size_t ahead = 0) const {
    if (AtEnd(ahead)) return false;
    if (text_[at_ + ahead] == '-') {
      if (AtEnd(ahead + 1)) return false;
      const char second = text_[at_ + ahead + 1];
      return second == '-' || IsIdentifierStart(second) || IsEscape(ahead + 1);
    }
    return IsIdentifierStart(text_[at_ + ahead]) || IsEscape(ahead);
  }
  bool StartsNumber() const {
    size_t ahead = 0;
    if (!AtEnd() && (Peek() == '+' || Peek() == '-')) ahead = 1;
    if (AtEnd(ahead)) return false;
    return IsDigit(Peek(ahead)) || (Peek(ahead) == '.' && !AtEnd(ahead + 1) && IsDigit(Peek(ahead + 1)));
  }

  void Escape(Text* out) {
    at_++;
    if (AtEnd()) return AppendUtf8(out->value, 0);
    if (!IsHex(Peek())) {
      out->value += text_[at_++];
      return;
    }
    uint32_t c = 0;
    for (int i = 0; i < 6 && !AtEnd() && IsHex(Peek()); i++, at_++)
      c = c * 16 + static_cast<uint32_t>(IsDigit(Peek()) ? Peek() - '0' : Lower(Peek()) - 'a' + 10);
    if (!AtEnd() && IsSpace(Peek())) {
      if (Peek() == '\r' && !AtEnd(1) && Peek(1) == '\n') at_++;
      at_++;
    }
    if (!utf8_ && (c >= 0x80 || c == 0)) out->never = true;
    AppendUtf8(out->value, c);
  }
  // Only where StartsIdentifier, or for the rest of a hash.
  Text Identifier() {
    Text out;
    while (!AtEnd()) {
      if (IsEscape(0)) {
        Escape(&out);
      } else if (IsIdentifierPart(Peek())) {
        if (Peek() == '\0') {
          AppendUtf8(out.value, 0);
        } else {
          out.value += Peek();
        }
        at_++;
      } else {
        break;
      }
    }
    return out;
  }
  // False for one that a line break ends.
  bool String(Text* out) {
    const char quote = text_[at_++];
    while (!AtEnd()) {
      const char c = Peek();
      if (c == quote) {
        at_++;
        return true;
      }
      if (c == '\n' || c == '\r' || c == '\f') return false;
      if (c == '\\') {
        if (AtEnd(1)) {
          at_++;
          return true;
        }
        if (!IsEscape(0)) {
          at_ += Peek(1) == '\r' && !AtEnd(2) && Peek(2) == '\n' ? 3 : 2;
          continue;
        }
        Escape(out);
        continue;
      }
      if (c == '\0') {
        AppendUtf8(out->value, 0);
      } else {
        out->value += c;
      }
      at_++;
    }
    return true;
  }

  static void ToLower(std::string& text) {
    for (char& c : text) c = Lower(c);
  }

  bool Complex(std::vector<Compound>* parts, Compound* into, bool negated, int depth) {
    char combinator = 0;
    for (;;) {
      Compound compound;
      compound.combinator = combinator == '+' || combinator == '~' ? ' ' : combinator;
      bool any = false;
      Skip();
      if (!CompoundSelector(into != nullptr ? into : &compound, negated, depth, &any)) return false;
      if (!any) return Fail(combinator == 0 ? kEmpty : kDangling);
      parts->push_back(std::move(compound));
      const bool space = Skip();
      if (AtEnd() || Peek() == ',' || (Peek() == ')' && depth > 0)) return true;
      if (Peek() == '>' || Peek() == '~' || (Peek() == '+' && !StartsNumber())) {
        combinator = text_[at_++];
        if (combinator == '+') Unsupported(kNextSibling);
        if (combinator == '~') Unsupported(kLaterSibling);
      } else if (space) {
        combinator = ' ';
      } else {
        return true;
      }
      if (depth > 0) Unsupported(kUnsupportedPseudo);
    }
  }

  bool CompoundSelector(Compound* into, bool negated, int depth, bool* any) {
    if (!TypeSelector(into, negated, any)) return false;
    for (;;) {
      SkipComments();
      if (AtEnd()) return true;
      switch (Peek()) {
        case '#':
          if (!StartsIdentifier(1)) return true;
          at_++;
          AddAttribute(into, negated, AttributeTest::Kind::kId, "id", Identifier());
          break;
        case '.':
          if (StartsNumber()) return true;
          at_++;
          if (AtEnd()) return Fail(kUnexpectedEnd);
          if (!StartsIdentifier() || IsFunction()) return Fail(kBadClass);
          AddAttribute(into, negated, AttributeTest::Kind::kClass, "class", Identifier());
          break;
        case '[':
          at_++;
          if (!Attribute(into, negated)) return false;
          break;
        case ':':
          at_++;
          if (!Pseudo(into, negated, depth)) return false;
          break;
        default:
          return true;
      }
      *any = true;
    }
  }

  // An identifier that an opening bracket follows is a function.
  bool IsFunction() {
    const size_t start = at_;
    Identifier();
    const bool function = !AtEnd() && Peek() == '(';
    at_ = start;
    return function;
  }

  bool TypeSelector(Compound* into, bool negated, bool* any) {
    NameTest test;
    test.negated = negated;
    if (AtEnd()) return true;
    if (Peek() == '|' && (AtEnd(1) || Peek(1) != '=')) {
      at_++;
      if (AtEnd()) return Fail(kUnexpectedEnd);
      if (Peek() == '*') {
        at_++;
      } else if (StartsIdentifier() && !IsFunction()) {
        Identifier();
      } else {
        return Fail(kUnexpectedToken);
      }
      test.kind = NameTest::Kind::kNever;
      into->names.push_back(std::move(test));
      *any = true;
      return true;
    }
    if (Peek() == '*') {
      at_++;
      *any = true;
      if (Peek() == '|' && (AtEnd(1) || Peek(1) != '=')) {
        at_++;
        if (AtEnd()) return Fail(kUnexpectedEnd);
        if (Peek() != '*')
          return StartsIdentifier() && !IsFunction() ? Name(into, std::move(test)) : Fail(kUnexpectedToken);
        at_++;
      }
      into->names.push_back(std::move(test));
      return true;
    }
    if (!StartsIdentifier() || IsFunction()) return true;
    // "-->" ends a comment of HTML and is a token of its own.
    if (text_.substr(at_, 3) == "-->") return true;
    *any = true;
    return Name(into, std::move(test));
  }

  bool Name(Compound* into, NameTest test) {
    Text name = Identifier();
    if (Peek() == '|' && !AtEnd() && (AtEnd(1) || Peek(1) != '=')) return Fail(kNamespaced);
    ToLower(name.value);
    test.kind = name.never ? NameTest::Kind::kNever : NameTest::Kind::kName;
    test.name = std::move(name.value);
    into->names.push_back(std::move(test));
    return true;
  }

  static void AddAttribute(Compound* into, bool negated, AttributeTest::Kind kind, std::string_view name, Text value) {
    AttributeTest test;
    test.kind = kind;
    test.negated = negated;
    test.name = name;
    test.never = value.never;
    test.value = std::move(value.value);
    into->attributes.push_back(std::move(test));
  }

  bool Attribute(Compound* into, bool negated) {
    AttributeTest test;
    test.negated = negated;
    Skip();
    if (AtEnd() || Peek() == ']') return Fail(kUnexpectedEnd);
    if (Peek() == '*' && !AtEnd(1) && Peek(1) == '|') return Fail(kNamespaced);
    if (Peek() == '|' && !AtEnd(1) && Peek(1) != '=') at_++;
    if (!StartsIdentifier() || IsFunction()) return Fail(kMissingAttribute);
    Text name = Identifier();
    if (Peek() == '|' && !AtEnd(1) && Peek(1) != '=') return Fail(kNamespaced);
    ToLower(name.value);
    test.never = name.never;
    test.name = std::move(name.value);
    Skip();
    if (AtEnd() || Peek() == ']') {
      if (!AtEnd()) at_++;
      into->attributes.push_back(std::move(test));
      return true;
    }
    using Kind = AttributeTest::Kind;
    switch (Peek()) {
      case '=':
        test.kind = Kind::kEquals;
        break;
      case '~':
        test.kind = Kind::kIncludes;
        break;
      case '|':
        test.kind = Kind::kDash;
        break;
      case '^':
        test.kind = Kind::kPrefix;
        break;
      case '$':
        test.kind = Kind::kSuffix;
        break;
      case '*':
        test.kind = Kind::kSubstring;
        break;
      default:
        return Fail(kBadAttribute);
    }
    if (test.kind != Kind::kEquals && (AtEnd(1) || Peek(1) != '=')) return Fail(kBadAttribute);
    at_ += test.kind == Kind::kEquals ? 1 : 2;
    Skip();
    if (AtEnd() || Peek() == ']') return Fail(kUnexpectedEnd);
    Text value;
    if (Peek() == '"' || Peek() == '\'') {
      if (!String(&value)) return Fail(kBadAttribute);
    } else if (StartsIdentifier() && !IsFunction()) {
      value = Identifier();
    } else {
      return Fail(kBadAttribute);
    }
    test.never = test.never || value.never;
    test.value = std::move(value.value);
    // These never match an empty operand (selectors-4 §6.2); nor does ~= one with whitespace in it.
    if (test.kind == Kind::kIncludes) {
      if (test.value.empty() || test.value.find_first_of(" \t\n\r\f") != std::string::npos) test.never = true;
    } else if (test.kind != Kind::kEquals && test.kind != Kind::kDash && test.value.empty()) {
      test.never = true;
    }
    for (std::string_view caseless : kCaselessAttributes)
      if (test.name == caseless) test.letters = AttributeTest::Case::kInsensitiveInHtml;
    Skip();
    if (!AtEnd() && Peek() != ']') {
      if (!StartsIdentifier()) return Fail(kUnexpectedToken);
      const Text flag = Identifier();
      if (EqualsIgnoringCase(flag.value, "i")) {
        test.letters = AttributeTest::Case::kInsensitive;
      } else if (EqualsIgnoringCase(flag.value, "s")) {
        test.letters = AttributeTest::Case::kSensitive;
      } else {
        return Fail(kUnexpectedToken);
      }
      Skip();
      if (!AtEnd() && Peek() != ']') return Fail(kUnexpectedToken);
    }
    if (!AtEnd()) at_++;
    if (test.kind == Kind::kSubstring) FindBorders(&test);
    into->attributes.push_back(std::move(test));
    return true;
  }

  static void FindBorders(AttributeTest* test) {
    const bool caseless = test->letters != AttributeTest::Case::kSensitive;
    const std::string& value = test->value;
    auto at = [&](size_t i) { return caseless ? Lower(value[i]) : value[i]; };
    test->borders.resize(value.size());
    for (size_t i = 1, length = 0; i < value.size(); i++) {
      while (length > 0 && at(i) != at(length)) length = test->borders[length - 1];
      if (at(i) == at(length)) length++;
      test->borders[i] = static_cast<uint32_t>(length);
    }
  }

  bool Pseudo(Compound* into, bool negated, int depth) {
    if (AtEnd()) return Fail(kUnexpectedEnd);
    if (Peek() == ':') {
      at_++;
      if (AtEnd()) return Fail(kUnexpectedEnd);
      return Fail(depth > 0 ? kUnsupportedSyntax : kUnsupportedPseudo);
    }
    if (!StartsIdentifier()) return Fail(kUnsupportedPseudo);
    std::string name = Identifier().value;
    ToLower(name);
    const bool function = !AtEnd() && Peek() == '(';
    if (!function) {
      NameTest test;
      test.negated = negated;
      test.offset = 1;
      if (name == "first-child") {
        test.kind = NameTest::Kind::kNthChild;
      } else if (name == "first-of-type") {
        test.kind = NameTest::Kind::kNthOfType;
      } else {
        const bool element = name == "before" || name == "after" || name == "first-line" || name == "first-letter";
        return Fail(element && depth > 0 ? kUnsupportedSyntax : kUnsupportedPseudo);
      }
      into->names.push_back(std::move(test));
      return true;
    }
    at_++;
    if (name == "not") {
      if (depth >= kNegationDepthMax) return Fail(kNestedNegation);
      return List(nullptr, into, !negated, depth + 1);
    }
    if (name == "nth-child") return Nth(into, negated, NameTest::Kind::kNthChild);
    if (name == "nth-of-type") return Nth(into, negated, NameTest::Kind::kNthOfType);
    return Fail(kUnsupportedPseudo);
  }

  // Digits as an int32 that does not overflow. False if there are none.
  bool Digits(bool negative, int32_t* out) {
    if (AtEnd() || !IsDigit(Peek())) return false;
    int64_t value = 0;
    while (!AtEnd() && IsDigit(Peek())) {
      if (value < INT32_MAX) value = value * 10 + (Peek() - '0');
      at_++;
    }
    if (value > INT32_MAX) value = INT32_MAX;
    *out = static_cast<int32_t>(negative ? -value : value);
    return true;
  }

  // An+B (https://www.w3.org/TR/css-syntax-3/#anb-microsyntax).
  bool Nth(Compound* into, bool negated, NameTest::Kind kind) {
    NameTest test;
    test.kind = kind;
    test.negated = negated;
    Skip();
    if (AtEnd() || Peek() == ')') return Fail(kUnexpectedEnd);
    const size_t rest = text_.size() - at_;
    auto word = [&](std::string_view w) {
      return rest >= w.size() && EqualsIgnoringCase(text_.substr(at_, w.size()), w) &&
             (rest == w.size() || !IsIdentifierPart(text_[at_ + w.size()]));
    };
    if (word("even")) {
      test.step = 2;
      at_ += 4;
    } else if (word("odd")) {
      test.step = 2;
      test.offset = 1;
      at_ += 3;
    } else {
      bool negative = false;
      if (Peek() == '+' || Peek() == '-') negative = text_[at_++] == '-';
      int32_t number = negative ? -1 : 1;
      const bool digits = Digits(negative, &number);
      if (!AtEnd() && Lower(Peek()) == 'n') {
        at_++;
        test.step = number;
        Skip();
        if (!AtEnd() && (Peek() == '+' || Peek() == '-')) {
          const bool minus = text_[at_++] == '-';
          Skip();
          if (!Digits(minus, &test.offset)) return Fail(kUnexpectedToken);
        }
      } else if (digits) {
        test.offset = number;
      } else {
        return Fail(kUnexpectedToken);
      }
    }
    Skip();
    if (!AtEnd() && Peek() != ')') return Fail(kUnexpectedToken);
    if (!AtEnd()) at_++;
    into->names.push_back(std::move(test));
    return true;
  }

  const std::string_view text_;
  const bool utf8_;
  size_t at_ = 0;
  const char* error_ = nullptr;
  const char* unsupported_ = nullptr;
};

bool Same(const NameTest& a, const NameTest& b) {
  return a.kind == b.kind && a.negated == b.negated && a.step == b.step && a.offset == b.offset && a.name == b.name;
}
bool Same(const AttributeTest& a, const AttributeTest& b) {
  return a.kind == b.kind && a.letters == b.letters && a.negated == b.negated && a.never == b.never &&
         a.name == b.name && a.value == b.value;
}
template <typename T>
bool Same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (!Same(a[i], b[i])) return false;
  return true;
}

// The node for a compound in one of a node's lists (or the roots): one that is there is shared.
uint32_t NodeFor(SelectorProgram& program, uint32_t parent, char combinator, Compound& compound) {
  auto list = [&]() -> std::vector<uint32_t>& {
    if (combinator == 0) return program.roots;
    return combinator == '>' ? program.nodes[parent].children : program.nodes[parent].descendants;
  };
  // Looked for only in short lists: sharing saves work, and must not cost more than it saves.
  constexpr size_t kLookedAt = 64;
  if (list().size() <= kLookedAt) {
    for (uint32_t i : list()) {
      const SelectorNode& node = program.nodes[i];
      if (Same(node.names, compound.names) && Same(node.attributes, compound.attributes)) return i;
    }
  }
  const uint32_t made = static_cast<uint32_t>(program.nodes.size());
  for (const NameTest& test : compound.names)
    if (test.kind == NameTest::Kind::kNthOfType) program.counts_types = true;
  SelectorNode node;
  node.names = std::move(compound.names);
  node.attributes = std::move(compound.attributes);
  program.nodes.push_back(std::move(node));
  list().push_back(made);
  return made;
}

}  // namespace

size_t ProgramBytes(const SelectorProgram& program) {
  size_t bytes = program.nodes.capacity() * sizeof(SelectorNode) + program.roots.capacity() * sizeof(uint32_t);
  for (const SelectorNode& node : program.nodes) {
    bytes += node.names.capacity() * sizeof(NameTest) + node.attributes.capacity() * sizeof(AttributeTest);
    bytes += (node.children.capacity() + node.descendants.capacity() + node.matches.capacity()) * sizeof(uint32_t);
    for (const NameTest& test : node.names) bytes += test.name.capacity();
    for (const AttributeTest& test : node.attributes)
      bytes += test.name.capacity() + test.value.capacity() + test.borders.capacity() * sizeof(uint32_t);
  }
  return bytes;
}

const char* AddSelector(SelectorProgram& program, std::string_view text, uint32_t selector, bool utf8) {
  Parser parser(text, utf8);
  std::vector<std::vector<Compound>> list;
  parser.List(&list, nullptr, false, 0);
  if (parser.error() != nullptr) return parser.error();
  for (std::vector<Compound>& parts : list) {
    uint32_t node = 0;
    for (Compound& part : parts) node = NodeFor(program, node, part.combinator, part);
    std::vector<uint32_t>& matches = program.nodes[node].matches;
    if (matches.empty() || matches.back() != selector) matches.push_back(selector);
  }
  return nullptr;
}

}  // namespace skerry::html
