// A start tag that is being changed: its name and attributes, and how it is written. Parts that nobody changes are
// written with the bytes they came with.
#pragma once

#include <string>
#include <string_view>

#include "html/memory.h"
#include "html/tokenizer.h"

namespace skerry::html {

class StartTag {
 public:
  StartTag(const Tokenizer& tokenizer, Budget& budget)
      : tokenizer_(tokenizer), attributes_(budget), own_(budget), name_(budget) {}

  // Of the tag that the tokenizer has just completed.
  void Begin();

  bool changed() const { return changed_; }
  size_t attribute_count() const { return listed_ ? attributes_.size() : tokenizer_.attributes().size(); }
  std::string_view attribute_name(size_t i) const;
  std::string_view attribute_value(size_t i) const;
  // Index of the first attribute of that name, in any case; attribute_count() if there is none.
  size_t Find(std::string_view name) const;
  std::string_view name() const;

  // These say false if there is no memory.
  [[nodiscard]] bool SetName(std::string_view name);
  [[nodiscard]] bool SetAttribute(std::string_view name, std::string_view value);
  [[nodiscard]] bool RemoveAttribute(std::string_view name);
  // The element gets content, so the slash of "<p/>" would be wrong, if the tag is written anew.
  void DropSlash() { slash_ = false; }
  // As it was changed.
  [[nodiscard]] bool Write(Buffer<char>& out) const;

 private:
  struct Item {
    uint32_t original = 0;  // 1 + its number in the tag, 0 for one that was added or changed.
    uint32_t name = 0, name_size = 0, value = 0, value_size = 0;  // In own_.
  };
  bool List();

  const Tokenizer& tokenizer_;
  Buffer<Item> attributes_;
  Buffer<char> own_;
  Buffer<char> name_;
  bool changed_ = false, listed_ = false, slash_ = false, renamed_ = false;
};

// Why a text cannot be that, in the words of the original platform; empty if it can.
std::string CheckTagName(std::string_view name);
std::string CheckAttributeName(std::string_view name);
std::string CheckCommentText(std::string_view text);

}  // namespace skerry::html
