// Which selectors an element matches, decided at its start tag: the stack of open elements as far as tags tell (void
// elements, explicit end tags; no implied ones), and the selectors that are waiting for children and descendants.
//
// What an element has cost is bounded by the rewriter's memory and reported as work, so that a caller can pause.
#pragma once

#include <cstdint>
#include <string_view>

#include "html/memory.h"
#include "html/selector.h"
#include "html/tree.h"

namespace skerry::html {

class Matcher {
 public:
  Matcher(const SelectorProgram& program, size_t selectors, bool esi_tags, Budget& budget);

  enum class Result : uint8_t { kDone, kNeedsAttributes, kPaused, kNoMemory };
  // A start tag. kDone: matches() and has_content() hold, and an element with content is open now. kNeedsAttributes:
  // call StartTagWhole next.
  Result StartTag(std::string_view name, uint32_t bits, Space space);
  // kDone, kNoMemory, or kPaused after much work: call it again, with resume, for the rest.
  Result StartTagWhole(std::string_view name, uint32_t bits, Space space, const AttributeView& attributes,
                       bool self_closing, bool resume);
  // Closes the last open element of that name with all in it, calling closed(element), innermost first. Nothing if
  // there is none.
  template <typename F>
  void EndTag(std::string_view name, F closed) {
    size_t at;
    if (!FindOpen(name, &at)) return;
    while (items_.size() > at) {
      const Item& item = items_.back();
      closed(Element{{ids_.data() + item.ids, ids_.size() - item.ids}, item.end_key, item.removes_content});
      Pop();
    }
  }

  struct Selectors {
    const uint32_t* data;
    size_t size;
  };
  struct Element {
    Selectors matched;
    uint32_t end_key;
    bool removes_content;
  };
  // Of the last start tag, ascending.
  Selectors matches() const { return {matches_.data(), matches_.size()}; }
  bool has_content() const { return has_content_; }
  // The element of the last start tag, if it has content: what to remember until its end.
  void SetEndKey(uint32_t key) { items_.back().end_key = key; }
  void SetRemovesContent() { items_.back().removes_content = true; }

  // Units of work since the last call; one is a comparison.
  uint64_t TakeWork() {
    const uint64_t work = work_;
    work_ = 0;
    return work;
  }

 private:
  struct Item {
    uint32_t name, name_size, name_hash;
    int32_t children = 0;
    // Sizes of the arrays below when this element was opened.
    uint32_t jumps, descendants, ids, types, type_names;
    uint32_t end_key = 0;
    bool removes_content = false;
  };
  struct TypeCount {
    uint32_t name, size;
    int32_t count;
  };
  struct State {
    std::string_view name;
    Space space;
    int32_t child, typed;
    const AttributeView* attributes;  // Null: not known yet.
  };

  // Where Collect is: in which of its three lists of lists, in which list, at which node, at which attribute test.
  struct Place {
    uint8_t kind = 0;
    size_t list = 0, node = 0, test = 0;
  };

  static bool TestName(const NameTest& test, const State& state);
  bool TestAttribute(const AttributeTest& test, const State& state);
  // Tests all nodes that may match here, from place_ on. Hits go to hits_.
  Result Collect(const State& state);
  const std::vector<uint32_t>* ListAt(const Place& place) const;
  Result Test(const SelectorNode& node, const State& state, bool* matches);
  Result Finish(std::string_view name, bool has_content);
  bool Count(std::string_view name);
  bool FindOpen(std::string_view name, size_t* at);
  void Pop();
  bool IsVoid(std::string_view name, uint32_t bits) const {
    return (bits & kVoid) != 0 || (esi_tags_ && (name == "esi:include" || name == "esi:comment"));
  }

  static constexpr size_t kFilterSize = 1024;
  static constexpr uint64_t kPauseWork = 1 << 20;  // Some milliseconds.

  const SelectorProgram& program_;
  const bool esi_tags_;
  std::vector<uint64_t> matched_;  // A bit for each selector: scratch.
  std::vector<bool> waiting_;      // For each node: its descendants are being looked for.
  Buffer<Item> items_;
  Buffer<char> names_;
  Buffer<uint32_t> jumps_;        // Nodes whose children are looked for, of all open elements.
  Buffer<uint32_t> descendants_;  // Nodes whose descendants are.
  Buffer<uint32_t> ids_;          // Selectors that open elements matched.
  Buffer<TypeCount> types_;       // Children by name, of all open elements.
  Buffer<char> type_names_;
  Buffer<uint32_t> hits_;
  Place place_;
  Buffer<uint32_t> matches_;
  uint32_t filter_[kFilterSize] = {};  // Open elements by hash of their name.
  int32_t root_children_ = 0;
  int32_t typed_ = 0;
  bool has_content_ = false;
  uint64_t work_ = 0;
};

}  // namespace skerry::html
