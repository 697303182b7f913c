// The HTML tokenizer (HTML §13.2.5) over bytes of any encoding that is ASCII below 0x80: it finds the bounds of tokens
// and keeps their bytes, since most of a page goes out as it came. Tokens may come in any number of pieces; nothing is
// read twice. It does what the original platform's does where that differs from the standard: a tag that the document
// breaks off is no token, text ends at each "<" and at each end of input, character references stay as they are.
//
// Who uses it answers each kTagName by SetTagWanted and, at kTag, by SetTextMode.
#pragma once

#include <cstdint>
#include <string_view>

#include "html/memory.h"
#include "html/tree.h"

namespace skerry::html {

// Offsets into the input that is held.
struct Span {
  size_t begin = 0, end = 0;
  size_t size() const { return end - begin; }
};

class Tokenizer final : public AttributeView {
 public:
  explicit Tokenizer(Budget& budget) : input_(budget), attributes_(budget), name_(budget) {}

  enum class Event : uint8_t {
    kNeedInput,  // All input is used; call Feed.
    kText,       // token()
    kTagName,    // The name of a tag is complete: name(), is_end_tag().
    kTag,        // All of it: token(), attributes(), self_closing().
    kComment,    // token(), text()
    kDoctype,    // token(), doctype()
    kMarkup,     // Something that is no token but ends text: token().
    kEnd,        // The end of the document.
    kNoMemory,
  };
  Event Run();

  // Adds input and lets go of what lies before held(). Offsets change by what was let go, which is returned; -1: no
  // memory.
  [[nodiscard]] int64_t Feed(const char* data, size_t size);
  void SetLast() { last_ = true; }

  // Comments and doctypes that nobody wants are not kept until they are complete.
  void SetWanted(bool comments, bool doctypes) {
    comments_wanted_ = comments;
    doctypes_wanted_ = doctypes;
  }
  void SetTagWanted(bool wanted) { keep_ = wanted; }
  void SetTextMode(TextMode mode) { text_mode_ = mode; }
  void SetCdataAllowed(bool allowed) { cdata_allowed_ = allowed; }

  const char* data() const { return input_.data(); }
  std::string_view View(Span span) const { return {input_.data() + span.begin, span.size()}; }
  // Everything before this offset has been in an event, or belongs to something unwanted.
  size_t held() const { return keep_ ? lexeme_ : at_; }
  size_t size() const { return input_.size(); }

  Span token() const { return token_; }
  // In lower case.
  std::string_view name() const { return {name_.data(), name_.size()}; }
  Span name_span() const { return name_span_; }
  bool is_end_tag() const { return end_tag_; }
  bool self_closing() const { return self_closing_; }
  struct Attribute {
    Span name, value, raw;
  };
  const Buffer<Attribute>& attributes() const { return attributes_; }
  bool Find(std::string_view lower_name, std::string_view* value) const override;
  size_t count() const override { return attributes_.size(); }
  Span text() const { return text_; }
  struct Doctype {
    bool has_name = false, has_public_id = false, has_system_id = false;
    Span name, public_id, system_id;
  };
  const Doctype& doctype() const { return doctype_; }

 private:
  enum class State : uint8_t {
    kText,  // By text_mode_.
    kTagOpen,
    kEndTagOpen,
    kTagNamePart,
    kBeforeAttribute,
    kAttributeName,
    kAfterAttributeName,
    kBeforeValue,
    kQuotedValue,
    kUnquotedValue,
    kSelfClosing,
    kMarkupDeclaration,
    kBogusComment,
    kCommentStart,
    kCommentStartDash,
    kComment,
    kCommentEndDash,
    kCommentEnd,
    kCommentEndBang,
    kDoctype,
    kBeforeDoctypeName,
    kDoctypeName,
    kAfterDoctypeName,
    kAfterPublicKeyword,
    kBeforePublicId,
    kPublicId,
    kAfterPublicId,
    kBetweenIds,
    kAfterSystemKeyword,
    kBeforeSystemId,
    kSystemId,
    kAfterSystemId,
    kBogusDoctype,
    kRawLessThan,
    kRawEndTagOpen,
    kRawEndTagName,
    kCdataBracket,
    kScriptEscapeStart,
    kScriptEscaped,
    kScriptEscapedDash,
    kScriptEscapedDashDash,
    kScriptEscapedLessThan,
    kScriptDoubleStart,
    kScriptDouble,
    kScriptDoubleDash,
    kScriptDoubleDashDash,
    kScriptDoubleLessThan,
    kScriptDoubleSlash,
    kScriptDoubleEnd,
    kEnded,
  };

  Event Emit(Event event, size_t end, State next);
  Event EmitText(size_t end, State next) { return Emit(Event::kText, end, next); }
  Event Starve();
  Event EndOfDocument();
  Event FinishTagName();
  Event FinishTag();
  Event FinishComment(size_t text_end, size_t token_end);
  bool Sequence(std::string_view word, bool any_case, bool* complete) const;
  bool FinishAttribute();
  bool IsAwaitedEndTag() const;

  Buffer<char> input_;
  size_t at_ = 0;      // The next byte to look at.
  size_t lexeme_ = 0;  // Where the present token begins.
  bool last_ = false;
  bool keep_ = true;
  State state_ = State::kText;
  State after_raw_ = State::kText;  // What is read on when an end tag in text turned out to be none.
  TextMode text_mode_ = TextMode::kData;
  bool cdata_allowed_ = false, comments_wanted_ = true, doctypes_wanted_ = true;

  Span token_;
  Span name_span_, text_;
  bool end_tag_ = false, self_closing_ = false;
  char quote_ = '"';
  Buffer<Attribute> attributes_;
  Attribute attribute_;
  Doctype doctype_;
  Buffer<char> name_;
  char last_start_tag_[16] = {};  // Names that switch text modes are short.
  size_t last_start_tag_size_ = 0;
};

}  // namespace skerry::html
