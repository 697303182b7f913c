#include "html/tokenizer.h"

#include <array>
#include <cstring>

namespace skerry::html {
namespace {

using CharSet = std::array<bool, 256>;
constexpr CharSet Set(std::string_view chars) {
  CharSet set{};
  for (char c : chars) set[static_cast<unsigned char>(c)] = true;
  return set;
}
constexpr CharSet kEndsName = Set(" \n\t\r\f/>");
constexpr CharSet kEndsAttributeName = Set(" \n\t\r\f/>=");
constexpr CharSet kEndsUnquoted = Set(" \n\t\r\f>");

size_t Find(const char* data, size_t from, size_t size, char c) {
  const void* found = std::memchr(data + from, c, size - from);
  return found == nullptr ? size : static_cast<size_t>(static_cast<const char*>(found) - data);
}

size_t FindAny(const char* data, size_t from, size_t size, const CharSet& set) {
  while (from < size && !set[static_cast<unsigned char>(data[from])]) from++;
  return from;
}

void Shift(Span& span, size_t by) {
  span.begin -= by;
  span.end -= by;
}

}  // namespace

int64_t Tokenizer::Feed(const char* data, size_t size) {
  const size_t gone = held();
  if (gone != 0) {
    input_.EraseFront(gone);
    at_ -= gone;
    lexeme_ = keep_ ? lexeme_ - gone : 0;
    // Those that are not of the present token wrap around; nobody reads them.
    Shift(name_span_, gone);
    Shift(text_, gone);
    for (Span* span : {&attribute_.name, &attribute_.value, &attribute_.raw}) Shift(*span, gone);
    for (size_t i = 0; i < attributes_.size(); i++) {
      Shift(attributes_[i].name, gone);
      Shift(attributes_[i].value, gone);
      Shift(attributes_[i].raw, gone);
    }
    for (Span* span : {&doctype_.name, &doctype_.public_id, &doctype_.system_id}) Shift(*span, gone);
  }
  if (!input_.Append(data, size)) return -1;
  return static_cast<int64_t>(gone);
}

bool Tokenizer::Find(std::string_view lower_name, std::string_view* value) const {
  for (size_t i = 0; i < attributes_.size(); i++) {
    const Attribute& attribute = attributes_[i];
    if (attribute.name.size() != lower_name.size() || !EqualsIgnoringCase(View(attribute.name), lower_name)) continue;
    *value = View(attribute.value);
    return true;
  }
  return false;
}

Tokenizer::Event Tokenizer::Emit(Event event, size_t end, State next) {
  token_ = {lexeme_, end};
  lexeme_ = end;
  keep_ = true;
  state_ = next;
  return event;
}

// Whether the input goes on with the word, as far as there is input.
bool Tokenizer::Sequence(std::string_view word, bool any_case, bool* complete) const {
  const size_t there = input_.size() - at_ < word.size() ? input_.size() - at_ : word.size();
  *complete = there == word.size();
  const std::string_view input(input_.data() + at_, there);
  return any_case ? EqualsIgnoringCase(input, word.substr(0, there)) : input == word.substr(0, there);
}

bool Tokenizer::IsAwaitedEndTag() const {
  return last_start_tag_size_ != 0 &&
         EqualsIgnoringCase(View(name_span_), std::string_view(last_start_tag_, last_start_tag_size_));
}

// What ends the name is not used up. All of the tag is kept unless its user says that nobody wants it.
Tokenizer::Event Tokenizer::FinishTagName() {
  name_.Clear();
  if (!name_.Append(input_.data() + name_span_.begin, name_span_.size())) return Event::kNoMemory;
  for (size_t i = 0; i < name_.size(); i++) name_[i] = Lower(name_[i]);
  if (!end_tag_) {
    last_start_tag_size_ = name_.size() <= sizeof last_start_tag_ ? name_.size() : 0;
    if (last_start_tag_size_ != 0) std::memcpy(last_start_tag_, name_.data(), last_start_tag_size_);
  }
  attributes_.Clear();
  self_closing_ = false;
  text_mode_ = TextMode::kData;
  state_ = State::kBeforeAttribute;
  return Event::kTagName;
}

Tokenizer::Event Tokenizer::FinishTag() {
  at_++;
  return Emit(Event::kTag, at_, State::kText);
}

bool Tokenizer::FinishAttribute() { return end_tag_ || !keep_ || attributes_.Push(attribute_); }

Tokenizer::Event Tokenizer::FinishComment(size_t text_end, size_t token_end) {
  text_.end = text_end;
  at_ = token_end;
  return Emit(Event::kComment, token_end, State::kText);
}

// No input is left.
Tokenizer::Event Tokenizer::Starve() {
  if (last_) return EndOfDocument();
  if (at_ == input_.size()) {
    if (state_ >= State::kBogusComment && state_ <= State::kCommentEndBang && !comments_wanted_) keep_ = false;
    if (state_ >= State::kDoctype && state_ <= State::kBogusDoctype && !doctypes_wanted_) keep_ = false;
  }
  return Event::kNeedInput;
}

Tokenizer::Event Tokenizer::EndOfDocument() {
  const size_t end = input_.size();
  at_ = end;
  switch (state_) {
    case State::kBeforeAttribute:
    case State::kAttributeName:
    case State::kAfterAttributeName:
    case State::kBeforeValue:
    case State::kQuotedValue:
    case State::kUnquotedValue:
    case State::kSelfClosing:
    case State::kTagNamePart:
      return Emit(Event::kMarkup, end, State::kEnded);
    case State::kMarkupDeclaration:
    case State::kBogusComment:
    case State::kCommentStart:
    case State::kComment:
      text_.end = end;
      return Emit(Event::kComment, end, State::kEnded);
    case State::kCommentStartDash:
    case State::kCommentEndDash:
    case State::kCommentEnd:
    case State::kCommentEndBang:
      return Emit(Event::kComment, end, State::kEnded);
    case State::kDoctypeName:
      doctype_.name.end = end;
      return Emit(Event::kDoctype, end, State::kEnded);
    case State::kPublicId:
      doctype_.public_id.end = end;
      return Emit(Event::kDoctype, end, State::kEnded);
    case State::kSystemId:
      doctype_.system_id.end = end;
      return Emit(Event::kDoctype, end, State::kEnded);
    case State::kDoctype:
    case State::kBeforeDoctypeName:
    case State::kAfterDoctypeName:
    case State::kAfterPublicKeyword:
    case State::kBeforePublicId:
    case State::kAfterPublicId:
    case State::kBetweenIds:
    case State::kAfterSystemKeyword:
    case State::kBeforeSystemId:
    case State::kAfterSystemId:
    case State::kBogusDoctype:
      return Emit(Event::kDoctype, end, State::kEnded);
    case State::kEnded:
      return Event::kEnd;
    default:  // Text, and what could have become more than text.
      if (lexeme_ < end) return EmitText(end, State::kEnded);
      state_ = State::kEnded;
      return Event::kEnd;
  }
}

Tokenizer::Event Tokenizer::Run() {
  const char* const data = input_.data();
  const size_t size = input_.size();
  for (;;) {
    if (at_ >= size) {
      // Text that has been seen goes on: more of it may be long in coming.
      if (lexeme_ < size &&
          (state_ == State::kText || state_ == State::kScriptEscaped || state_ == State::kScriptDouble))
        return EmitText(size, state_);
      return Starve();
    }
    const char c = data[at_];
    switch (state_) {
      // ---- Text
      case State::kText: {
        if (text_mode_ == TextMode::kPlaintext) {
          at_ = size;
          break;
        }
        const size_t found = html::Find(data, at_, size, text_mode_ == TextMode::kCdata ? ']' : '<');
        at_ = found;
        if (found == size) break;
        const State next = text_mode_ == TextMode::kData    ? State::kTagOpen
                           : text_mode_ == TextMode::kCdata ? State::kCdataBracket
                                                            : State::kRawLessThan;
        at_++;
        after_raw_ = State::kText;
        if (lexeme_ < found) return EmitText(found, next);
        state_ = next;
        break;
      }
      case State::kCdataBracket: {
        bool complete;
        if (!Sequence("]>", false, &complete)) return EmitText(at_, State::kText);
        if (!complete) return Starve();
        at_ += 2;
        text_mode_ = TextMode::kData;
        return Emit(Event::kMarkup, at_, State::kText);
      }
      case State::kRawLessThan:
        if (c == '/') {
          at_++;
          state_ = State::kRawEndTagOpen;
        } else if (c == '!' && text_mode_ == TextMode::kScript) {
          at_++;
          state_ = State::kScriptEscapeStart;
        } else {
          return EmitText(at_, State::kText);
        }
        break;
      case State::kRawEndTagOpen:
        if (!IsAlpha(c)) return EmitText(at_, after_raw_);
        name_span_.begin = at_;
        state_ = State::kRawEndTagName;
        break;
      case State::kRawEndTagName: {
        while (at_ < size && IsAlpha(data[at_])) at_++;
        if (at_ == size) break;
        name_span_.end = at_;
        if (!kEndsName[static_cast<unsigned char>(data[at_])] || !IsAwaitedEndTag()) return EmitText(at_, after_raw_);
        end_tag_ = true;
        return FinishTagName();
      }

      // ---- Scripts, in which <!-- hides </script>
      case State::kScriptEscapeStart: {
        bool complete;
        if (!Sequence("--", false, &complete)) return EmitText(at_, State::kText);
        if (!complete) return Starve();
        at_ += 2;
        state_ = State::kScriptEscapedDashDash;
        break;
      }
      case State::kScriptEscaped:
      case State::kScriptEscapedDash:
      case State::kScriptEscapedDashDash:
        if (c == '<') {
          const size_t found = at_++;
          after_raw_ = State::kScriptEscaped;
          if (lexeme_ < found) return EmitText(found, State::kScriptEscapedLessThan);
          state_ = State::kScriptEscapedLessThan;
        } else if (c == '-') {
          at_++;
          state_ = state_ == State::kScriptEscaped ? State::kScriptEscapedDash : State::kScriptEscapedDashDash;
        } else if (c == '>' && state_ == State::kScriptEscapedDashDash) {
          return EmitText(at_, State::kText);
        } else {
          at_++;
          state_ = State::kScriptEscaped;
        }
        break;
      case State::kScriptEscapedLessThan: {
        bool complete;
        if (Sequence("script", true, &complete)) {
          if (!complete) return Starve();
          at_ += 6;
          state_ = State::kScriptDoubleStart;
        } else if (c == '/') {
          at_++;
          state_ = State::kRawEndTagOpen;
        } else {
          return EmitText(at_, State::kScriptEscaped);
        }
        break;
      }
      case State::kScriptDoubleStart:
        if (kEndsName[static_cast<unsigned char>(c)]) {
          at_++;
          state_ = State::kScriptDouble;
        } else {
          state_ = State::kScriptEscaped;
        }
        break;
      case State::kScriptDouble:
      case State::kScriptDoubleDash:
      case State::kScriptDoubleDashDash:
        if (c == '<') {
          const size_t found = at_++;
          const bool after_dashes = state_ == State::kScriptDoubleDashDash;
          state_ = State::kScriptDoubleLessThan;
          if (lexeme_ < found && !after_dashes) return EmitText(found, state_);
        } else if (c == '-') {
          at_++;
          state_ = state_ == State::kScriptDouble ? State::kScriptDoubleDash : State::kScriptDoubleDashDash;
        } else if (c == '>' && state_ == State::kScriptDoubleDashDash) {
          return EmitText(at_, State::kText);
        } else {
          at_++;
          state_ = State::kScriptDouble;
        }
        break;
      case State::kScriptDoubleLessThan:
        if (c == '/') {
          at_++;
          state_ = State::kScriptDoubleSlash;
        } else {
          state_ = State::kScriptDouble;
        }
        break;
      case State::kScriptDoubleSlash: {
        bool complete;
        if (!Sequence("script", true, &complete)) {
          state_ = State::kScriptDouble;
        } else if (!complete) {
          return Starve();
        } else {
          at_ += 6;
          state_ = State::kScriptDoubleEnd;
        }
        break;
      }
      case State::kScriptDoubleEnd:
        if (kEndsName[static_cast<unsigned char>(c)]) {
          at_++;
          state_ = State::kScriptEscaped;
        } else {
          state_ = State::kScriptDouble;
        }
        break;

      // ---- Tags
      case State::kTagOpen:
        if (IsAlpha(c)) {
          end_tag_ = false;
          name_span_.begin = at_;
          state_ = State::kTagNamePart;
        } else if (c == '/') {
          at_++;
          state_ = State::kEndTagOpen;
        } else if (c == '!') {
          at_++;
          text_.begin = at_;
          state_ = State::kMarkupDeclaration;
        } else if (c == '?') {
          text_.begin = at_;
          state_ = State::kBogusComment;
        } else {
          return EmitText(at_, State::kText);
        }
        break;
      case State::kEndTagOpen:
        if (IsAlpha(c)) {
          end_tag_ = true;
          name_span_.begin = at_;
          state_ = State::kTagNamePart;
        } else if (c == '>') {
          at_++;
          return Emit(Event::kMarkup, at_, State::kText);
        } else {
          text_.begin = at_;
          state_ = State::kBogusComment;
        }
        break;
      case State::kTagNamePart:
        at_ = FindAny(data, at_, size, kEndsName);
        if (at_ == size) break;
        name_span_.end = at_;
        return FinishTagName();
      case State::kBeforeAttribute:
        if (c == '>') return FinishTag();
        if (c == '/') {
          at_++;
          state_ = State::kSelfClosing;
        } else if (IsSpace(c)) {
          at_++;
        } else {
          attribute_.name.begin = at_;
          at_++;  // Even "=" begins a name.
          state_ = State::kAttributeName;
        }
        break;
      case State::kAttributeName:
        at_ = FindAny(data, at_, size, kEndsAttributeName);
        if (at_ == size) break;
        attribute_.name.end = at_;
        attribute_.raw = attribute_.name;
        attribute_.value = {at_, at_};
        state_ = State::kAfterAttributeName;
        break;
      case State::kAfterAttributeName:
        if (IsSpace(c)) {
          at_++;
        } else if (c == '=') {
          at_++;
          state_ = State::kBeforeValue;
        } else {
          if (!FinishAttribute()) return Event::kNoMemory;
          state_ = State::kBeforeAttribute;
        }
        break;
      case State::kBeforeValue:
        if (IsSpace(c)) {
          at_++;
        } else if (c == '"' || c == '\'') {
          at_++;
          quote_ = c;
          attribute_.value.begin = at_;
          state_ = State::kQuotedValue;
        } else if (c == '>') {
          if (!FinishAttribute()) return Event::kNoMemory;
          state_ = State::kBeforeAttribute;
        } else {
          attribute_.value.begin = at_;
          state_ = State::kUnquotedValue;
        }
        break;
      case State::kQuotedValue:
        at_ = html::Find(data, at_, size, quote_);
        if (at_ == size) break;
        attribute_.value.end = at_;
        at_++;
        attribute_.raw.end = at_;
        if (!FinishAttribute()) return Event::kNoMemory;
        state_ = State::kBeforeAttribute;
        break;
      case State::kUnquotedValue:
        at_ = FindAny(data, at_, size, kEndsUnquoted);
        if (at_ == size) break;
        attribute_.value.end = attribute_.raw.end = at_;
        if (!FinishAttribute()) return Event::kNoMemory;
        state_ = State::kBeforeAttribute;
        break;
      case State::kSelfClosing:
        if (c == '>') {
          self_closing_ = true;
          return FinishTag();
        }
        state_ = State::kBeforeAttribute;
        break;

      // ---- Comments
      case State::kMarkupDeclaration: {
        bool complete;
        if (Sequence("--", false, &complete)) {
          if (!complete) return Starve();
          at_ += 2;
          text_.begin = at_;
          state_ = State::kCommentStart;
        } else if (Sequence("doctype", true, &complete)) {
          if (!complete) return Starve();
          at_ += 7;
          doctype_ = Doctype{};
          state_ = State::kDoctype;
        } else if (cdata_allowed_ && Sequence("[CDATA[", false, &complete)) {
          if (!complete) return Starve();
          at_ += 7;
          text_mode_ = TextMode::kCdata;
          return Emit(Event::kMarkup, at_, State::kText);
        } else {
          state_ = State::kBogusComment;
        }
        break;
      }
      case State::kBogusComment:
        at_ = html::Find(data, at_, size, '>');
        if (at_ == size) break;
        return FinishComment(at_, at_ + 1);
      case State::kCommentStart:
        if (c == '>') return FinishComment(at_, at_ + 1);
        if (c == '-') {
          text_.end = at_;
          at_++;
          state_ = State::kCommentStartDash;
        } else {
          state_ = State::kComment;
        }
        break;
      case State::kCommentStartDash:
        if (c == '>') return FinishComment(text_.end, at_ + 1);
        if (c == '-') {
          at_++;
          state_ = State::kCommentEnd;
        } else {
          state_ = State::kComment;
        }
        break;
      case State::kComment:
        at_ = html::Find(data, at_, size, '-');
        if (at_ == size) break;
        text_.end = at_;
        at_++;
        state_ = State::kCommentEndDash;
        break;
      case State::kCommentEndDash:
        if (c == '-') {
          at_++;
          state_ = State::kCommentEnd;
        } else {
          state_ = State::kComment;
        }
        break;
      case State::kCommentEnd:
        if (c == '>') return FinishComment(text_.end, at_ + 1);
        if (c == '-') {
          text_.end++;
          at_++;
        } else if (c == '!') {
          at_++;
          state_ = State::kCommentEndBang;
        } else {
          state_ = State::kComment;
        }
        break;
      case State::kCommentEndBang:
        if (c == '>') return FinishComment(text_.end, at_ + 1);
        if (c == '-') {
          text_.end = at_;
          at_++;
          state_ = State::kCommentEndDash;
        } else {
          state_ = State::kComment;
        }
        break;

      // ---- Doctypes
      case State::kDoctype:
        if (IsSpace(c)) at_++;
        state_ = State::kBeforeDoctypeName;
        break;
      case State::kBeforeDoctypeName:
        if (IsSpace(c)) {
          at_++;
        } else if (c == '>') {
          state_ = State::kBogusDoctype;
        } else {
          doctype_.has_name = true;
          doctype_.name.begin = at_;
          state_ = State::kDoctypeName;
        }
        break;
      case State::kDoctypeName:
        while (at_ < size && !IsSpace(data[at_]) && data[at_] != '>') at_++;
        if (at_ == size) break;
        doctype_.name.end = at_;
        state_ = State::kAfterDoctypeName;
        break;
      case State::kAfterDoctypeName: {
        bool complete;
        if (IsSpace(c)) {
          at_++;
        } else if (Sequence("public", true, &complete)) {
          if (!complete) return Starve();
          at_ += 6;
          state_ = State::kAfterPublicKeyword;
        } else if (Sequence("system", true, &complete)) {
          if (!complete) return Starve();
          at_ += 6;
          state_ = State::kAfterSystemKeyword;
        } else {
          state_ = State::kBogusDoctype;
        }
        break;
      }
      case State::kAfterPublicKeyword:
      case State::kBeforePublicId:
        if (IsSpace(c)) {
          at_++;
          state_ = State::kBeforePublicId;
        } else if (c == '"' || c == '\'') {
          at_++;
          quote_ = c;
          doctype_.has_public_id = true;
          doctype_.public_id.begin = at_;
          state_ = State::kPublicId;
        } else {
          state_ = State::kBogusDoctype;
        }
        break;
      case State::kPublicId:
      case State::kSystemId: {
        while (at_ < size && data[at_] != quote_ && data[at_] != '>') at_++;
        if (at_ == size) break;
        const bool is_public = state_ == State::kPublicId;
        (is_public ? doctype_.public_id : doctype_.system_id).end = at_;
        if (data[at_] == '>') {
          state_ = State::kBogusDoctype;
        } else {
          at_++;
          state_ = is_public ? State::kAfterPublicId : State::kAfterSystemId;
        }
        break;
      }
      case State::kAfterPublicId:
      case State::kBetweenIds:
      case State::kAfterSystemKeyword:
      case State::kBeforeSystemId:
        if (IsSpace(c)) {
          at_++;
        } else if (c == '"' || c == '\'') {
          at_++;
          quote_ = c;
          doctype_.has_system_id = true;
          doctype_.system_id.begin = at_;
          state_ = State::kSystemId;
        } else {
          state_ = State::kBogusDoctype;
        }
        break;
      case State::kAfterSystemId:
        if (IsSpace(c)) {
          at_++;
        } else {
          state_ = State::kBogusDoctype;
        }
        break;
      case State::kBogusDoctype:
        at_ = html::Find(data, at_, size, '>');
        if (at_ == size) break;
        at_++;
        return Emit(Event::kDoctype, at_, State::kText);
      case State::kEnded:
        return Event::kEnd;
    }
  }
}

}  // namespace skerry::html
