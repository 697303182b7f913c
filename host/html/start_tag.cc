#include "html/start_tag.h"

namespace skerry::html {

void StartTag::Begin() {
  attributes_.Clear();
  own_.Clear();
  changed_ = listed_ = renamed_ = false;
  slash_ = tokenizer_.self_closing();
}

std::string_view StartTag::name() const {
  return renamed_ ? std::string_view(name_.data(), name_.size()) : tokenizer_.View(tokenizer_.name_span());
}

std::string_view StartTag::attribute_name(size_t i) const {
  if (!listed_) return tokenizer_.View(tokenizer_.attributes()[i].name);
  const Item& item = attributes_[i];
  if (item.original != 0) return tokenizer_.View(tokenizer_.attributes()[item.original - 1].name);
  return {own_.data() + item.name, item.name_size};
}

std::string_view StartTag::attribute_value(size_t i) const {
  if (!listed_) return tokenizer_.View(tokenizer_.attributes()[i].value);
  const Item& item = attributes_[i];
  if (item.original != 0) return tokenizer_.View(tokenizer_.attributes()[item.original - 1].value);
  return {own_.data() + item.value, item.value_size};
}

size_t StartTag::Find(std::string_view name) const {
  const size_t count = attribute_count();
  for (size_t i = 0; i < count; i++)
    if (EqualsIgnoringCase(attribute_name(i), name)) return i;
  return count;
}

bool StartTag::List() {
  if (listed_) return true;
  const size_t count = tokenizer_.attributes().size();
  if (!attributes_.Reserve(count)) return false;
  for (size_t i = 0; i < count; i++) (void)attributes_.Push(Item{static_cast<uint32_t>(i + 1)});
  listed_ = true;
  return true;
}

bool StartTag::SetName(std::string_view name) {
  name_.Clear();
  if (!name_.Append(name.data(), name.size())) return false;
  renamed_ = changed_ = true;
  return true;
}

bool StartTag::SetAttribute(std::string_view name, std::string_view value) {
  if (!List()) return false;
  const size_t at = Find(name);
  const bool added = at == attributes_.size();
  const size_t name_size = added ? name.size() : attribute_name(at).size();
  if (!own_.Reserve(name_size + value.size())) return false;
  if (added && !attributes_.Push(Item{})) return false;
  // One that is there keeps the spelling of its name.
  const std::string_view spelling = added ? name : attribute_name(at);
  Item item;
  item.name = static_cast<uint32_t>(own_.size());
  item.name_size = static_cast<uint32_t>(name_size);
  (void)own_.Append(spelling.data(), name_size);
  if (added)
    for (size_t i = item.name; i < own_.size(); i++) own_[i] = Lower(own_[i]);
  item.value = static_cast<uint32_t>(own_.size());
  item.value_size = static_cast<uint32_t>(value.size());
  (void)own_.Append(value.data(), value.size());
  attributes_[at] = item;
  changed_ = true;
  return true;
}

bool StartTag::RemoveAttribute(std::string_view name) {
  if (Find(name) == attribute_count()) return true;
  if (!List()) return false;
  size_t kept = 0;
  for (size_t i = 0; i < attributes_.size(); i++)
    if (!EqualsIgnoringCase(attribute_name(i), name)) attributes_[kept++] = attributes_[i];
  attributes_.Truncate(kept);
  changed_ = true;
  return true;
}

bool StartTag::Write(Buffer<char>& out) const {
  auto write = [&](std::string_view text) { return out.Append(text.data(), text.size()); };
  if (!write("<") || !write(name())) return false;
  const size_t count = attribute_count();
  for (size_t i = 0; i < count; i++) {
    if (!write(" ")) return false;
    const uint32_t original = listed_ ? attributes_[i].original : static_cast<uint32_t>(i + 1);
    if (original != 0) {
      if (!write(tokenizer_.View(tokenizer_.attributes()[original - 1].raw))) return false;
      continue;
    }
    if (!write(attribute_name(i)) || !write("=\"")) return false;
    std::string_view value = attribute_value(i);
    for (size_t quote; (quote = value.find('"')) != std::string_view::npos; value.remove_prefix(quote + 1))
      if (!write(value.substr(0, quote)) || !write("&quot;")) return false;
    if (!write(value) || !write("\"")) return false;
  }
  // A space, or else the slash would belong to a value without quotes.
  return write(!slash_ ? ">" : count != 0 ? " />" : "/>");
}

namespace {

std::string Forbidden(char c, const char* where) {
  return std::string("`") + c + "` character is forbidden in the " + where;
}

}  // namespace

std::string CheckTagName(std::string_view name) {
  if (name.empty()) return "Tag name can't be empty.";
  if (!IsAlpha(name[0])) return "The first character of the tag name should be an ASCII alphabetical character.";
  for (char c : name)
    if (IsSpace(c) || c == '/' || c == '>') return Forbidden(c, "tag name");
  return {};
}

std::string CheckAttributeName(std::string_view name) {
  if (name.empty()) return "Attribute name can't be empty.";
  for (char c : name)
    if (IsSpace(c) || c == '/' || c == '>' || c == '=') return Forbidden(c, "attribute name");
  return {};
}

std::string CheckCommentText(std::string_view text) {
  if (text.find("-->") != std::string_view::npos || text.find("--!>") != std::string_view::npos ||
      text.substr(0, 1) == ">" || text.substr(0, 2) == "->") {
    return "Comment text shouldn't contain a comment-closing sequence.";
  }
  return {};
}

}  // namespace skerry::html
