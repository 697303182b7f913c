#include "html/matcher.h"

namespace skerry::html {
namespace {

uint32_t HashOf(std::string_view name) {
  uint32_t h = 2166136261u;
  for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return h ^ (h >> 15);
}

bool IsNth(const NameTest& test, int32_t index) {
  const int64_t difference = static_cast<int64_t>(index) - test.offset;
  if (test.step == 0) return difference == 0;
  return difference % test.step == 0 && difference / test.step >= 0;
}

bool SameValue(std::string_view a, std::string_view b, bool caseless) {
  return caseless ? EqualsIgnoringCase(a, b) : a == b;
}

// Calls f with each word; stops when it says true.
template <typename F>
bool AnyWord(std::string_view text, F f) {
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); i++) {
    if (i < text.size() && !IsSpace(text[i])) continue;
    if (f(text.substr(start, i - start))) return true;
    start = i + 1;
  }
  return false;
}

bool Contains(std::string_view text, const AttributeTest& test, bool caseless) {
  const std::string& part = test.value;
  size_t length = 0;
  for (char c : text) {
    auto same = [&](size_t i) { return caseless ? Lower(c) == Lower(part[i]) : c == part[i]; };
    while (length > 0 && !same(length)) length = test.borders[length - 1];
    if (same(length)) length++;
    if (length == part.size()) return true;
  }
  return false;
}

}  // namespace

Matcher::Matcher(const SelectorProgram& program, size_t selectors, bool esi_tags, Budget& budget)
    : program_(program),
      esi_tags_(esi_tags),
      matched_((selectors + 63) / 64),
      waiting_(program.nodes.size()),
      items_(budget),
      names_(budget),
      jumps_(budget),
      descendants_(budget),
      ids_(budget),
      types_(budget),
      type_names_(budget),
      hits_(budget),
      matches_(budget) {}

bool Matcher::TestName(const NameTest& test, const State& state) {
  switch (test.kind) {
    case NameTest::Kind::kAny:
      return !test.negated;
    case NameTest::Kind::kNever:
      return test.negated;
    case NameTest::Kind::kName:
      return (state.name == test.name) != test.negated;
    case NameTest::Kind::kNthChild:
      return IsNth(test, state.child) != test.negated;
    case NameTest::Kind::kNthOfType:
      return IsNth(test, state.typed) != test.negated;
  }
  return false;
}

bool Matcher::TestAttribute(const AttributeTest& test, const State& state) {
  using Kind = AttributeTest::Kind;
  std::string_view value;
  work_ += 4 + state.attributes->count();
  if (test.never || !state.attributes->Find(test.name, &value)) return test.negated;
  work_ += value.size() / 2;
  const bool caseless = test.letters == AttributeTest::Case::kInsensitive ||
                        (test.letters == AttributeTest::Case::kInsensitiveInHtml && state.space == Space::kHtml);
  const std::string_view wanted = test.value;
  bool matches = false;
  switch (test.kind) {
    case Kind::kExists:
      matches = true;
      break;
    case Kind::kId:
    case Kind::kEquals:
      matches = SameValue(value, wanted, caseless);
      break;
    case Kind::kClass:
    case Kind::kIncludes:
      matches = AnyWord(value, [&](std::string_view word) { return SameValue(word, wanted, caseless); });
      break;
    case Kind::kDash:
      matches = value.size() >= wanted.size() && SameValue(value.substr(0, wanted.size()), wanted, caseless) &&
                (value.size() == wanted.size() || value[wanted.size()] == '-');
      break;
    case Kind::kPrefix:
      matches = value.size() >= wanted.size() && SameValue(value.substr(0, wanted.size()), wanted, caseless);
      break;
    case Kind::kSuffix:
      matches =
          value.size() >= wanted.size() && SameValue(value.substr(value.size() - wanted.size()), wanted, caseless);
      break;
    case Kind::kSubstring:
      matches = Contains(value, test, caseless);
      break;
  }
  return matches != test.negated;
}

Matcher::Result Matcher::Test(const SelectorNode& node, const State& state, bool* matches) {
  *matches = false;
  if (place_.test == 0) {
    work_ += 1 + node.names.size();
    for (const NameTest& test : node.names)
      if (!TestName(test, state)) return Result::kDone;
    if (!node.attributes.empty() && state.attributes == nullptr) return Result::kNeedsAttributes;
  }
  for (; place_.test < node.attributes.size(); place_.test++) {
    if (work_ > kPauseWork) return Result::kPaused;
    if (!TestAttribute(node.attributes[place_.test], state)) {
      place_.test = 0;
      return Result::kDone;
    }
  }
  place_.test = 0;
  *matches = true;
  return Result::kDone;
}

// The nodes that may match: the first of every selector, those that are children of what the parent matched, those that
// are descendants of what any open element matched. Null after the last list of a kind.
const std::vector<uint32_t>* Matcher::ListAt(const Place& place) const {
  if (place.kind == 0) return place.list == 0 ? &program_.roots : nullptr;
  if (items_.empty()) return nullptr;
  if (place.kind == 1) {
    const size_t at = items_.back().jumps + place.list;
    return at < jumps_.size() ? &program_.nodes[jumps_[at]].children : nullptr;
  }
  return place.list < descendants_.size() ? &program_.nodes[descendants_[place.list]].descendants : nullptr;
}

Matcher::Result Matcher::Collect(const State& state) {
  while (place_.kind < 3) {
    const std::vector<uint32_t>* list = ListAt(place_);
    if (list == nullptr) {
      place_ = Place{static_cast<uint8_t>(place_.kind + 1)};
      continue;
    }
    for (; place_.node < list->size(); place_.node++) {
      bool matches;
      const Result result = Test(program_.nodes[(*list)[place_.node]], state, &matches);
      if (result != Result::kDone) return result;
      if (matches) (void)hits_.Push((*list)[place_.node]);  // StartTag has seen to it that there is room.
    }
    place_.node = 0;
    place_.list++;
  }
  return Result::kDone;
}

// Counts the element as a child of the innermost open one.
bool Matcher::Count(std::string_view name) {
  (items_.empty() ? root_children_ : items_.back().children)++;
  if (!program_.counts_types) return true;
  const size_t begin = items_.empty() ? 0 : items_.back().types;
  for (size_t i = types_.size(); i > begin; i--) {
    TypeCount& type = types_[i - 1];
    work_++;
    if (name == std::string_view(type_names_.data() + type.name, type.size)) {
      typed_ = ++type.count;
      return true;
    }
  }
  typed_ = 1;
  const TypeCount type{static_cast<uint32_t>(type_names_.size()), static_cast<uint32_t>(name.size()), 1};
  return types_.Reserve(1) && type_names_.Append(name.data(), name.size()) && types_.Push(type);
}

Matcher::Result Matcher::StartTag(std::string_view name, uint32_t bits, Space space) {
  // Nodes are in one list of children or descendants each, so that no more can match than there are.
  hits_.Clear();
  if (!Count(name) || !hits_.Reserve(program_.nodes.size())) return Result::kNoMemory;
  if (space != Space::kHtml) return Result::kNeedsAttributes;  // Whether it has content depends on its last slash.
  const State state{name, space, items_.empty() ? root_children_ : items_.back().children, typed_, nullptr};
  place_ = Place{};
  if (Collect(state) != Result::kDone) return Result::kNeedsAttributes;
  return Finish(name, !IsVoid(name, bits));
}

Matcher::Result Matcher::StartTagWhole(std::string_view name, uint32_t bits, Space space,
                                       const AttributeView& attributes, bool self_closing, bool resume) {
  const State state{name, space, items_.empty() ? root_children_ : items_.back().children, typed_, &attributes};
  if (!resume) {
    place_ = Place{};
    hits_.Clear();
  }
  const Result result = Collect(state);
  if (result != Result::kDone) return result;
  return Finish(name, space == Space::kHtml ? !IsVoid(name, bits) : !self_closing);
}

Matcher::Result Matcher::Finish(std::string_view name, bool has_content) {
  has_content_ = has_content;
  matches_.Clear();
  if (hits_.size() != 0) {
    for (size_t i = 0; i < hits_.size(); i++)
      for (uint32_t id : program_.nodes[hits_[i]].matches) matched_[id / 64] |= uint64_t{1} << (id % 64);
    bool fits = true;
    for (size_t word = 0; word < matched_.size(); word++) {
      for (uint64_t bits = matched_[word]; bits != 0; bits &= bits - 1)
        fits = matches_.Push(static_cast<uint32_t>(word * 64 + static_cast<size_t>(__builtin_ctzll(bits)))) && fits;
      matched_[word] = 0;
    }
    work_ += matched_.size() + hits_.size();
    if (!fits) return Result::kNoMemory;
  }
  if (!has_content) return Result::kDone;

  Item item{};
  item.name = static_cast<uint32_t>(names_.size());
  item.name_size = static_cast<uint32_t>(name.size());
  item.name_hash = HashOf(name);
  item.jumps = static_cast<uint32_t>(jumps_.size());
  item.descendants = static_cast<uint32_t>(descendants_.size());
  item.ids = static_cast<uint32_t>(ids_.size());
  item.types = static_cast<uint32_t>(types_.size());
  item.type_names = static_cast<uint32_t>(type_names_.size());
  if (!items_.Reserve(1) || !names_.Reserve(name.size()) || !jumps_.Reserve(hits_.size()) ||
      !descendants_.Reserve(hits_.size()) || !ids_.Append(matches_.data(), matches_.size())) {
    return Result::kNoMemory;
  }
  (void)names_.Append(name.data(), name.size());
  for (size_t i = 0; i < hits_.size(); i++) {
    const uint32_t hit = hits_[i];
    if (!program_.nodes[hit].children.empty()) (void)jumps_.Push(hit);
    if (!program_.nodes[hit].descendants.empty() && !waiting_[hit]) {
      waiting_[hit] = true;
      (void)descendants_.Push(hit);
    }
  }
  filter_[item.name_hash % kFilterSize]++;
  (void)items_.Push(item);
  return Result::kDone;
}

bool Matcher::FindOpen(std::string_view name, size_t* at) {
  const uint32_t hash = HashOf(name);
  if (filter_[hash % kFilterSize] == 0) return false;
  for (size_t i = items_.size(); i > 0; i--) {
    const Item& item = items_[i - 1];
    work_++;
    if (item.name_hash != hash || std::string_view(names_.data() + item.name, item.name_size) != name) continue;
    *at = i - 1;
    return true;
  }
  return false;
}

void Matcher::Pop() {
  const Item& item = items_.back();
  for (size_t i = item.descendants; i < descendants_.size(); i++) waiting_[descendants_[i]] = false;
  filter_[item.name_hash % kFilterSize]--;
  names_.Truncate(item.name);
  jumps_.Truncate(item.jumps);
  descendants_.Truncate(item.descendants);
  ids_.Truncate(item.ids);
  types_.Truncate(item.types);
  type_names_.Truncate(item.type_names);
  items_.Truncate(items_.size() - 1);
}

}  // namespace skerry::html
