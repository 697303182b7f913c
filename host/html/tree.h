// What a tree builder would tell the tokenizer (HTML §13.2.6), as far as it can be known without a tree: in which text
// mode the content of an element is read, and whether the parser is in SVG or MathML. Where that would be a guess, the
// parser gives up, as the original platform does: a guess is a way past whoever filters markup.
//
// Elements are remembered only between an integration point (HTML inside SVG or MathML) and its end, because there an
// end tag means something different depending on what is open.
#pragma once

#include <cstdint>
#include <string_view>

#include "html/memory.h"
#include "html/names.h"

namespace skerry::html {

enum class Space : uint8_t { kHtml, kSvg, kMathMl };

// How text is read.
enum class TextMode : uint8_t { kData, kRcdata, kRawtext, kScript, kPlaintext, kCdata };

// The attributes of a tag, as the tokenizer has them.
class AttributeView {
 public:
  virtual ~AttributeView() = default;
  // The value of the first attribute of this name, which is in lower case.
  virtual bool Find(std::string_view lower_name, std::string_view* value) const = 0;
  // How many Find may have to look at.
  virtual size_t count() const = 0;
};

class TreeState {
 public:
  explicit TreeState(Budget& budget) : outer_(budget), open_(budget), names_(budget) {}

  enum class Verdict : uint8_t {
    kKnown,      // text_mode(), element_space() and space() hold.
    kNeedsTag,   // Only with the whole tag: call StartTagWhole.
    kAmbiguous,  // Whether the content is text cannot be known.
    kNoMemory,
  };
  // Whether StartTag would say kAmbiguous.
  bool IsAmbiguous(uint32_t bits) const;
  // A start tag: its name in lower case and the bits of that.
  Verdict StartTag(std::string_view name, uint32_t bits);
  // The rest of that: false if there is no memory.
  [[nodiscard]] bool StartTagWhole(std::string_view name, uint32_t bits, const AttributeView& attributes,
                                   bool self_closing);
  void EndTag(std::string_view name, uint32_t bits);

  // Of what comes next.
  Space space() const { return now_.space; }
  // Of the last start tag's element, and of its content.
  Space element_space() const { return element_space_; }
  TextMode text_mode() const { return text_mode_; }

  // Elements looked at since the last call.
  uint64_t TakeWork() {
    const uint64_t work = work_;
    work_ = 0;
    return work;
  }

 private:
  // A stretch of one namespace. point is the integration point that an HTML one began with.
  struct Level {
    Space space = Space::kHtml;
    uint32_t open_begin = 0;  // Of its elements in open_.
    uint32_t point = 0, point_size = 0;
  };
  struct Open {
    uint32_t name, size;
    bool special;
  };

  bool Enter(Space space, std::string_view point);
  void Leave();
  void BreakOut();
  bool Push(std::string_view name, uint32_t bits);
  void Track(uint32_t bits);
  std::string_view NameAt(uint32_t at, uint32_t size) const { return {names_.data() + at, size}; }
  // HTML inside an integration point.
  bool inside() const { return now_.space == Space::kHtml && !outer_.empty(); }

  enum class Guard : uint8_t { kNone, kSelect, kTemplateInSelect, kFrameset };

  Buffer<Level> outer_;  // Around the present one, the outermost first.
  Buffer<Open> open_;
  Buffer<char> names_;
  Level now_;
  Space element_space_ = Space::kHtml;
  TextMode text_mode_ = TextMode::kData;
  Guard guard_ = Guard::kNone;
  uint64_t templates_ = 0;
  uint64_t work_ = 0;
};

}  // namespace skerry::html
