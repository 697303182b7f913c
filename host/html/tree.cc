#include "html/tree.h"

namespace skerry::html {
namespace {

TextMode ContentOf(uint32_t bits) {
  if (bits & kRcdata) return TextMode::kRcdata;
  if (bits & kRawtext) return TextMode::kRawtext;
  if (bits & kScriptText) return TextMode::kScript;
  if (bits & kPlaintext) return TextMode::kPlaintext;
  return TextMode::kData;
}

}  // namespace

bool TreeState::Enter(Space space, std::string_view point) {
  Level next;
  next.space = space;
  next.open_begin = static_cast<uint32_t>(open_.size());
  next.point = static_cast<uint32_t>(names_.size());
  next.point_size = static_cast<uint32_t>(point.size());
  if (!outer_.Reserve(1) || !names_.Append(point.data(), point.size())) return false;
  (void)outer_.Push(now_);
  now_ = next;
  return true;
}

void TreeState::Leave() {
  if (outer_.empty()) return;
  open_.Truncate(now_.open_begin);
  names_.Truncate(now_.point);
  now_ = outer_.back();
  outer_.Truncate(outer_.size() - 1);
}

// Out of foreign content, to the HTML around it.
void TreeState::BreakOut() {
  while (now_.space != Space::kHtml) Leave();
}

bool TreeState::Push(std::string_view name, uint32_t bits) {
  if (!inside() || (bits & kVoid)) return true;
  const Open open{static_cast<uint32_t>(names_.size()), static_cast<uint32_t>(name.size()), (bits & kSpecial) != 0};
  if (!open_.Reserve(1) || !names_.Append(name.data(), name.size())) return false;
  return open_.Push(open);
}

// Inside select, and in or after frameset, a browser ignores most start tags, and with them the text mode of their
// content. Whether the parser is there depends on the tree.
bool TreeState::IsAmbiguous(uint32_t bits) const {
  if ((bits & kTextContent) == 0) return false;
  switch (guard_) {
    case Guard::kNone:
      return false;
    case Guard::kSelect:
      return (bits & (kLeavesSelect | kScriptText)) == 0;
    case Guard::kTemplateInSelect:
      return true;
    case Guard::kFrameset:
      return (bits & kNoframes) == 0;
  }
  return false;
}

void TreeState::Track(uint32_t bits) {
  if (guard_ == Guard::kNone) {
    if (bits & kSelect) guard_ = Guard::kSelect;
    if (bits & kFrameset) guard_ = Guard::kFrameset;
  } else if (guard_ == Guard::kSelect) {
    if (bits & kLeavesSelect) guard_ = Guard::kNone;
    if (bits & kTemplate) {
      guard_ = Guard::kTemplateInSelect;
      templates_ = 1;
    }
  } else if (guard_ == Guard::kTemplateInSelect && (bits & kTemplate)) {
    templates_++;
  }
}

TreeState::Verdict TreeState::StartTag(std::string_view name, uint32_t bits) {
  text_mode_ = TextMode::kData;
  if (IsAmbiguous(bits)) return Verdict::kAmbiguous;
  Track(bits);
  if (bits & (kSvg | kMath)) return Verdict::kNeedsTag;
  if (now_.space != Space::kHtml) {
    if ((bits & kBreakout) == 0) {
      element_space_ = now_.space;
      const uint32_t points = now_.space == Space::kSvg ? kSvgPoint : kMathPoint | kAnnotationXml;
      return (bits & (points | kFont)) != 0 ? Verdict::kNeedsTag : Verdict::kKnown;
    }
    BreakOut();
  } else {
    text_mode_ = ContentOf(bits);
  }
  element_space_ = Space::kHtml;
  return Push(name, bits) ? Verdict::kKnown : Verdict::kNoMemory;
}

bool TreeState::StartTagWhole(std::string_view name, uint32_t bits, const AttributeView& attributes,
                              bool self_closing) {
  std::string_view value;
  if (bits & (kSvg | kMath)) {
    element_space_ = bits & kSvg ? Space::kSvg : Space::kMathMl;
    return self_closing || Enter(element_space_, {});
  }
  if (bits & kFont) {
    if (!attributes.Find("color", &value) && !attributes.Find("face", &value) && !attributes.Find("size", &value))
      return true;
    BreakOut();
    element_space_ = Space::kHtml;
    return Push(name, bits);
  }
  if (self_closing) return true;
  if (bits & kAnnotationXml) {
    if (!attributes.Find("encoding", &value)) return true;
    if (!EqualsIgnoringCase(value, "text/html") && !EqualsIgnoringCase(value, "application/xhtml+xml")) return true;
  }
  return Enter(Space::kHtml, name);
}

void TreeState::EndTag(std::string_view name, uint32_t bits) {
  if (guard_ == Guard::kSelect && (bits & kSelect)) guard_ = Guard::kNone;
  if (guard_ == Guard::kTemplateInSelect && (bits & kTemplate) && --templates_ == 0) guard_ = Guard::kSelect;
  if (now_.space != Space::kHtml) {
    if (bits & kLeavesForeign) {
      BreakOut();
    } else {
      if (bits & (now_.space == Space::kSvg ? kSvg : kMath)) Leave();
      return;
    }
  }
  if (!inside()) return;
  if (open_.size() == now_.open_begin) {
    if (NameAt(now_.point, now_.point_size) == name) Leave();
    return;
  }
  for (size_t i = open_.size(); i > now_.open_begin; i--) {
    const Open& open = open_[i - 1];
    work_++;
    if (NameAt(open.name, open.size) == name) {
      names_.Truncate(open.name);
      open_.Truncate(i - 1);
      return;
    }
    if (open.special) return;
  }
}

}  // namespace skerry::html
