#include "html/rewriter.h"

namespace skerry::html {
namespace {

constexpr uint64_t kPauseWork = 1 << 20;  // Units of Matcher::TakeWork: some milliseconds.
constexpr uint64_t kEventWork = 8;
constexpr size_t kProgramMax = 256 << 20;  // More than kSelectorTextMax can make.

// The name of a tag that makes a document ambiguous, for the error.
std::string Ambiguity(std::string_view name) {
  std::string text = "The parser has encountered a text content tag (`<";
  text.append(name.data(), name.size());
  text +=
      ">`) in the context where it is ambiguous whether this tag should be ignored or not. And, thus, it is unclear "
      "whether consequent content should be parsed as raw text or HTML markup.\n\nThis error occurs due to the limited "
      "capabilities of the streaming parsing. However, almost all of the cases of this error are caused by a "
      "non-conforming markup (e.g. a `<script>` element in `<select>` element).";
  return text;
}

}  // namespace

Rewriter::Rewriter(MemorySource& memory, Settings settings)
    : settings_(settings),
      budget_(memory, kMemoryMax),
      output_budget_(memory, kOutputMax),
      program_budget_(memory, kProgramMax),
      program_twin_(program_budget_),
      tokenizer_(budget_),
      tree_(budget_),
      start_tag_(tokenizer_, budget_),
      repair_(budget_),
      new_name_(budget_),
      new_text_(budget_),
      recipients_(budget_),
      output_(output_budget_) {}

const char* Rewriter::AddSelector(std::string_view selector, uint32_t wants) {
  const char* error = skerry::html::AddSelector(program_, selector, static_cast<uint32_t>(selectors_), settings_.utf8);
  if (error != nullptr) return error;
  selectors_++;
  selector_text_ += selector.size();
  wants_.push_back(wants);
  users_.push_back(0);
  return nullptr;
}

void Rewriter::AddDocument(uint32_t wants) {
  wants_.push_back(wants);
  users_.push_back(1);
  if (wants & kWantsComments) comment_users_++;
  if (wants & kWantsText) text_users_++;
  if (wants & kWantsDoctype) doctype_users_++;
}

Rewriter::Step Rewriter::Fail(const char* error) {
  if (error_.empty()) error_ = error;
  return Step::kFailed;
}

bool Rewriter::Feed(const char* data, size_t size) {
  const int64_t gone = tokenizer_.Feed(data, size);
  if (gone < 0) {
    NoMemory();
    return false;
  }
  written_ -= static_cast<size_t>(gone);
  return true;
}

// Writes the input up to an offset as it came.
bool Rewriter::FlushTo(size_t end) {
  if (end > written_) {
    if (emit_ && !output_.Append(tokenizer_.data() + written_, end - written_)) return false;
    written_ = end;
  }
  return true;
}

Rewriter::Step Rewriter::Deliver(Step step, Span token) {
  if (!FlushTo(token.begin)) return NoMemory();
  current_ = step;
  token_ = token;
  self_done_ = false;
  return step;
}

bool Rewriter::Commit() {
  if (current_ == Step::kInput) return true;
  if (!self_done_ && !Self(true)) return false;
  written_ = token_.end;
  if (current_ == Step::kElement && content_) {
    if (end_key_ != 0) matcher_->SetEndKey(end_key_);
    if (remove_content_) {
      matcher_->SetRemovesContent();
      removed_++;
      emit_ = false;
    }
  }
  current_ = Step::kInput;
  return true;
}

bool Rewriter::CollectRecipients(uint32_t want) {
  recipients_.Clear();
  for (uint32_t i = 0; i < wants_.size(); i++)
    if ((wants_[i] & want) != 0 && users_[i] > 0 && !recipients_.Push(i)) return false;
  recipients_count_ = recipients_.size();
  work_ += wants_.size();
  return true;
}

// A piece of text that is wanted. kInput: there is nothing of it to see yet.
Rewriter::Step Rewriter::TakeText(Span span) {
  if (!FlushTo(span.begin)) return NoMemory();
  text_open_ = true;
  text_ = tokenizer_.View(span);
  if (settings_.utf8 && !repair_.Next(text_, false, &text_)) return NoMemory();
  if (text_.empty()) {
    written_ = span.end;
    return Step::kInput;
  }
  if (!CollectRecipients(kWantsText)) return NoMemory();
  last_text_ = false;
  return Deliver(Step::kText, span);
}

// The end of a stretch of text: one more piece, nearly always empty.
Rewriter::Step Rewriter::EndText() {
  text_open_ = false;
  text_ = {};
  if (settings_.utf8 && !repair_.Next({}, true, &text_)) return NoMemory();
  if (!CollectRecipients(kWantsText)) return NoMemory();
  last_text_ = true;
  return Deliver(Step::kText, {written_, written_});
}

void Rewriter::Matched() {
  const Matcher::Selectors matches = matcher_->matches();
  content_ = matcher_->has_content();
  recipients_.Clear();
  element_wanted_ = false;
  for (size_t i = 0; i < matches.size; i++) {
    const uint32_t wants = wants_[matches.data[i]];
    if (wants & kWantsElement) element_wanted_ = true;
    if (!content_) continue;
    if (wants & (kWantsComments | kWantsText)) users_[matches.data[i]]++;
    if (wants & kWantsComments) comment_users_++;
    if (wants & kWantsText) text_users_++;
  }
  TellWanted();
}

void Rewriter::Unmatched(const Matcher::Element& element) {
  for (size_t i = 0; i < element.matched.size; i++) {
    const uint32_t wants = wants_[element.matched.data[i]];
    if (wants & (kWantsComments | kWantsText)) users_[element.matched.data[i]]--;
    if (wants & kWantsComments) comment_users_--;
    if (wants & kWantsText) text_users_--;
  }
  if (element.removes_content) removed_--;
}

Rewriter::Step Rewriter::OnTagName() {
  const Step step = tokenizer_.is_end_tag() ? OnEndTagName() : OnStartTagName();
  tokenizer_.SetTagWanted(tag_wanted_);
  return step;
}

Rewriter::Step Rewriter::OnStartTagName() {
  const std::string_view name = tokenizer_.name();
  bits_ = TagBitsOf(name);
  needs_tag_ = needs_attributes_ = element_wanted_ = false;
  switch (tree_.StartTag(name, bits_)) {
    case TreeState::Verdict::kAmbiguous:
      return Fail(Ambiguity(name).c_str());
    case TreeState::Verdict::kNoMemory:
      return NoMemory();
    case TreeState::Verdict::kNeedsTag:
      needs_tag_ = true;
      break;
    case TreeState::Verdict::kKnown:
      tokenizer_.SetTextMode(tree_.text_mode());
      tokenizer_.SetCdataAllowed(tree_.space() != Space::kHtml);
      if (matcher_ == nullptr) break;
      switch (matcher_->StartTag(name, bits_, tree_.element_space())) {
        case Matcher::Result::kNoMemory:
          return NoMemory();
        case Matcher::Result::kDone:
          Matched();
          break;
        default:
          needs_attributes_ = true;
      }
  }
  tag_wanted_ = needs_tag_ || needs_attributes_ || element_wanted_;
  return Step::kInput;
}

Rewriter::Step Rewriter::OnStartTag(bool resume) {
  const std::string_view name = tokenizer_.name();
  phase_ = Phase::kScan;
  if (needs_tag_ && !resume) {
    if (!tree_.StartTagWhole(name, bits_, tokenizer_, tokenizer_.self_closing())) return NoMemory();
    tokenizer_.SetTextMode(tree_.text_mode());
    tokenizer_.SetCdataAllowed(tree_.space() != Space::kHtml);
    if (matcher_ != nullptr) {
      switch (matcher_->StartTag(name, bits_, tree_.element_space())) {
        case Matcher::Result::kNoMemory:
          return NoMemory();
        case Matcher::Result::kDone:
          Matched();
          break;
        default:
          needs_attributes_ = true;
      }
    }
  }
  if (needs_attributes_) {
    switch (
        matcher_->StartTagWhole(name, bits_, tree_.element_space(), tokenizer_, tokenizer_.self_closing(), resume)) {
      case Matcher::Result::kPaused:
        phase_ = Phase::kMatch;
        return Step::kPause;
      case Matcher::Result::kDone:
        Matched();
        break;
      default:
        return NoMemory();
    }
  }
  if (!element_wanted_) return Step::kInput;
  const Matcher::Selectors matches = matcher_->matches();
  for (size_t i = 0; i < matches.size; i++)
    if ((wants_[matches.data[i]] & kWantsElement) != 0 && !recipients_.Push(matches.data[i])) return NoMemory();
  recipients_count_ = recipients_.size();
  start_tag_.Begin();
  end_key_ = 0;
  remove_content_ = false;
  return Deliver(Step::kElement, tokenizer_.token());
}

Rewriter::Step Rewriter::OnEndTagName() {
  const std::string_view name = tokenizer_.name();
  tree_.EndTag(name, TagBitsOf(name));
  tokenizer_.SetTextMode(TextMode::kData);
  tokenizer_.SetCdataAllowed(tree_.space() != Space::kHtml);
  recipients_.Clear();
  bool fits = true;
  if (matcher_ != nullptr) {
    matcher_->EndTag(name, [&](const Matcher::Element& element) {
      Unmatched(element);
      if (element.end_key != 0) fits = recipients_.Push(element.end_key) && fits;
    });
    TellWanted();
  }
  if (!fits) return NoMemory();
  recipients_count_ = recipients_.size();
  tag_wanted_ = recipients_count_ != 0 || (!emit_ && removed_ == 0);
  return Step::kInput;
}

Rewriter::Step Rewriter::OnEndTag() {
  if (!emit_ && removed_ == 0) {
    emit_ = true;
    written_ = tokenizer_.token().begin;
  }
  renamed_ = false;
  return recipients_count_ != 0 ? Deliver(Step::kEndTag, tokenizer_.token()) : Step::kInput;
}

// What is not text; the text before it is over. kInput: nobody wants it.
Rewriter::Step Rewriter::OnEvent() {
  switch (event_) {
    case Tokenizer::Event::kTagName:
      return OnTagName();
    case Tokenizer::Event::kComment:
      if (comment_users_ == 0) return Step::kInput;
      retexted_ = false;
      text_ = tokenizer_.View(tokenizer_.text());
      return CollectRecipients(kWantsComments) ? Deliver(Step::kComment, tokenizer_.token()) : NoMemory();
    case Tokenizer::Event::kDoctype:
      if (doctype_users_ == 0) return Step::kInput;
      return CollectRecipients(kWantsDoctype) ? Deliver(Step::kDoctype, tokenizer_.token()) : NoMemory();
    case Tokenizer::Event::kEnd:
      if (!FlushTo(tokenizer_.size())) return NoMemory();
      emit_ = true;  // What is appended to the document is no content of anything.
      return Step::kEnd;
    default:
      return Step::kInput;
  }
}

Rewriter::Step Rewriter::Next() {
  if (!started_) {
    started_ = true;
    if (!program_twin_.Reserve(ProgramBytes(program_))) return NoMemory();
    if (selectors_ != 0) matcher_ = std::make_unique<Matcher>(program_, selectors_, settings_.esi_tags, budget_);
    TellWanted();
  }
  if (!error_.empty()) return Step::kFailed;
  if (!Commit()) return NoMemory();
  for (;;) {
    if (output_.size() >= kOutputFull) return Step::kOutput;
    work_ += tree_.TakeWork();
    if (matcher_ != nullptr) work_ += matcher_->TakeWork();
    if (work_ > kPauseWork) {
      work_ = 0;
      return Step::kPause;
    }
    Step step = Step::kInput;
    switch (phase_) {
      case Phase::kMatch:
        step = OnStartTag(true);
        break;
      case Phase::kAfterText:
        phase_ = Phase::kScan;
        step = OnEvent();
        break;
      case Phase::kScan:
        event_ = tokenizer_.Run();
        work_ += kEventWork;
        switch (event_) {
          case Tokenizer::Event::kNeedInput:
            return FlushTo(tokenizer_.held()) ? Step::kInput : NoMemory();
          case Tokenizer::Event::kNoMemory:
            return NoMemory();
          case Tokenizer::Event::kText:
            if (text_users_ > 0) step = TakeText(tokenizer_.token());
            break;
          case Tokenizer::Event::kTag:
            if (!tag_wanted_) break;
            step = tokenizer_.is_end_tag() ? OnEndTag() : OnStartTag(false);
            break;
          default:
            // A document that is given up is given up at once.
            if (text_open_ && !(event_ == Tokenizer::Event::kTagName && !tokenizer_.is_end_tag() &&
                                tree_.IsAmbiguous(TagBitsOf(tokenizer_.name())))) {
              phase_ = Phase::kAfterText;
              step = EndText();
            } else {
              step = OnEvent();
            }
        }
    }
    if (step != Step::kInput) return step;
  }
}

std::string_view Rewriter::name() const {
  if (current_ == Step::kElement) return start_tag_.name();
  return renamed_ ? std::string_view(new_name_.data(), new_name_.size()) : tokenizer_.View(tokenizer_.name_span());
}

std::string_view Rewriter::text() const {
  return current_ == Step::kComment && retexted_ ? std::string_view(new_text_.data(), new_text_.size()) : text_;
}

bool Rewriter::SetEndTagName(std::string_view name) {
  new_name_.Clear();
  renamed_ = true;
  return new_name_.Append(name.data(), name.size());
}

bool Rewriter::SetCommentText(std::string_view text) {
  new_text_.Clear();
  retexted_ = true;
  return new_text_.Append(text.data(), text.size());
}

bool Rewriter::Write(std::string_view content, bool markup) {
  if (!emit_) return true;
  if (markup) return output_.Append(content.data(), content.size());
  size_t start = 0;
  for (size_t i = 0; i < content.size(); i++) {
    const std::string_view escape = content[i] == '&'   ? "&amp;"
                                    : content[i] == '<' ? "&lt;"
                                    : content[i] == '>' ? "&gt;"
                                                        : "";
    if (escape.empty()) continue;
    if (!output_.Append(content.data() + start, i - start) || !output_.Append(escape.data(), escape.size()))
      return false;
    start = i + 1;
  }
  return output_.Append(content.data() + start, content.size() - start);
}

bool Rewriter::Self(bool keep) {
  if (current_ == Step::kInput || self_done_) return true;
  self_done_ = true;
  if (!keep || !emit_) return true;
  switch (current_) {
    case Step::kText:
      return output_.Append(text_.data(), text_.size());
    case Step::kElement:
      if (start_tag_.changed()) return start_tag_.Write(output_);
      break;
    case Step::kEndTag:
      if (renamed_) return Write("</", true) && Write(name(), true) && Write(">", true);
      break;
    case Step::kComment:
      if (retexted_) return Write("<!--", true) && Write(text(), true) && Write("-->", true);
      break;
    default:
      break;
  }
  return output_.Append(tokenizer_.data() + token_.begin, token_.size());
}

}  // namespace skerry::html
