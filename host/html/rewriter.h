// The HTML rewriter: tokens that somebody asked for come out one by one, may be changed, and go with everything between
// them into the output. It stops at each such token and goes on when it is called again, so that whoever handles a
// token may take any time. Semantics are those of the original platform's HTMLRewriter.
//
// Bounds: what is held of the input and of open elements is at most kMemoryMax; output is to be taken when Next says
// so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "html/matcher.h"
#include "html/memory.h"
#include "html/selector.h"
#include "html/start_tag.h"
#include "html/tokenizer.h"
#include "html/tree.h"
#include "html/utf8.h"

namespace skerry::html {

inline constexpr size_t kMemoryMax =
    3 << 20;  // Bytes that a page can make one rewriter hold, as on the original platform.
inline constexpr size_t kOutputMax = 16 << 20;  // Bytes of output that nobody has taken.
inline constexpr size_t kOutputFull = 64 << 10;
inline constexpr size_t kHandlersMax = 16 << 10;

// What a handler wants to see.
enum Wants : uint32_t { kWantsElement = 1, kWantsComments = 2, kWantsText = 4, kWantsDoctype = 8 };

class Rewriter {
 public:
  struct Settings {
    bool utf8 = true;       // Else names, values and texts are given and taken in the document's bytes.
    bool esi_tags = false;  // <esi:include> and <esi:comment> have no content.
  };
  Rewriter(MemorySource& memory, Settings settings);
  Rewriter(const Rewriter&) = delete;
  Rewriter& operator=(const Rewriter&) = delete;

  // Before the first Next. A handler's number is its place in the order of these calls. All those with a selector come
  // first. Null, or what is wrong with the selector.
  const char* AddSelector(std::string_view selector, uint32_t wants);
  void AddDocument(uint32_t wants);
  bool HasRoomForHandler(size_t selector_size) const {
    return wants_.size() < kHandlersMax && selector_text_ + selector_size <= kSelectorTextMax;
  }

  enum class Step : uint8_t { kInput, kElement, kEndTag, kComment, kText, kDoctype, kEnd, kPause, kOutput, kFailed };
  // Finishes the present token, writing it if Self has not been called for it, and goes on to the next.
  Step Next();
  // Why Next said kFailed.
  const std::string& error() const { return error_; }

  // More of the document, when Next has said kInput. False: no memory.
  [[nodiscard]] bool Feed(const char* data, size_t size);
  void SetLast() { tokenizer_.SetLast(); }

  // ---- The present token
  // Who wants it: numbers of handlers or, of an end tag, keys of the elements that it ends, the innermost first.
  size_t recipient_count() const { return recipients_count_; }
  uint32_t recipient(size_t i) const { return recipients_[i]; }
  // What is written now is seen. It is not inside an element whose content was removed.
  bool emitting() const { return emit_; }
  bool has_content() const { return content_; }
  bool last_in_text_node() const { return last_text_; }
  Space space() const { return tree_.element_space(); }
  // The name of an element or end tag as it is written.
  std::string_view name() const;
  std::string_view text() const;  // Of a comment or a piece of text.
  const Tokenizer::Doctype& doctype() const { return tokenizer_.doctype(); }
  std::string_view View(Span span) const { return tokenizer_.View(span); }
  StartTag& start_tag() { return start_tag_; }
  [[nodiscard]] bool SetEndTagName(std::string_view name);
  [[nodiscard]] bool SetCommentText(std::string_view text);
  // Of an element with content: key (not 0) comes back with its end tag.
  void SetEndKey(uint32_t key) { end_key_ = key; }
  void RemoveContent() { remove_content_ = true; }

  // ---- Output
  // Markup, or text of which markup is made. False: no memory.
  [[nodiscard]] bool Write(std::string_view content, bool markup);
  // The token itself, or nothing of it.
  [[nodiscard]] bool Self(bool keep);
  Buffer<char>& output() { return output_; }

 private:
  enum class Phase : uint8_t { kScan, kAfterText, kMatch };

  Step Fail(const char* error);
  Step NoMemory() { return Fail("The memory limit has been exceeded."); }
  bool FlushTo(size_t end);
  bool Commit();
  Step Deliver(Step step, Span token);
  Step TakeText(Span span);
  Step EndText();
  Step OnEvent();
  Step OnTagName();
  Step OnStartTagName();
  Step OnEndTagName();
  Step OnStartTag(bool resume);
  Step OnEndTag();
  void Matched();
  void Unmatched(const Matcher::Element& element);
  void TellWanted() { tokenizer_.SetWanted(comment_users_ > 0, doctype_users_ > 0); }
  // Numbers of the handlers that want this kind of token now.
  bool CollectRecipients(uint32_t want);

  const Settings settings_;
  Budget budget_;
  Budget output_budget_;
  Budget program_budget_;
  Buffer<char> program_twin_;  // As large as the program, which is not in counted memory: so that it counts, too.
  SelectorProgram program_;
  std::vector<uint32_t> wants_;  // Of each handler.
  std::vector<uint32_t> users_;  // Of each handler: elements now open for which it wants text or comments.
  size_t selectors_ = 0, selector_text_ = 0;

  Tokenizer tokenizer_;
  TreeState tree_;
  std::unique_ptr<Matcher> matcher_;  // Made with the first Next; none without selectors.
  StartTag start_tag_;
  Utf8Repair repair_;
  Buffer<char> new_name_, new_text_;
  Buffer<uint32_t> recipients_;
  Buffer<char> output_;

  Phase phase_ = Phase::kScan;
  Tokenizer::Event event_ = Tokenizer::Event::kNeedInput;
  Step current_ = Step::kInput;  // The token that is out, or kInput for none.
  Span token_;
  size_t written_ = 0;  // Input before this offset has gone out, or never will.
  std::string_view text_;
  std::string error_;
  uint64_t work_ = 0;
  uint64_t comment_users_ = 0, text_users_ = 0, doctype_users_ = 0;
  uint64_t removed_ = 0;  // Open elements whose content is removed.
  size_t recipients_count_ = 0;
  uint32_t bits_ = 0, end_key_ = 0;
  bool started_ = false, emit_ = true, self_done_ = false, text_open_ = false, last_text_ = false, content_ = false;
  bool tag_wanted_ = false, needs_tag_ = false, needs_attributes_ = false, element_wanted_ = false;
  bool remove_content_ = false, renamed_ = false, retexted_ = false;
};

}  // namespace skerry::html
