// Holds the HTML rewriter (host/html) to what must be true of any document: a document that is only looked at comes out
// as it went in; tokens, and what changing them makes, are the same however the document is cut; a refusal of memory
// ends in an error. Runs under the address and undefined behaviour sanitizers: `html_test ROUNDS`.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "html/rewriter.h"

using namespace skerry::html;

namespace {

// malloc, counted, which refuses at random.
class Memory final : public MemorySource {
 public:
  void* Take(size_t bytes) override {
    if (refuse_one_in != 0 && random() % refuse_one_in == 0) return nullptr;
    taken += bytes;
    return std::malloc(bytes);
  }
  void Give(void* data, size_t bytes) override {
    taken -= bytes;
    std::free(data);
  }
  size_t taken = 0;
  uint32_t refuse_one_in = 0;
  std::mt19937 random;
};

struct Handler {
  std::string selector;  // Empty: of the document.
  uint32_t wants;
};

struct Run {
  std::string output, log, error;
};

void Note(std::string& log, std::string_view kind, std::string_view text) {
  log.append(kind);
  log += '(';
  log.append(text);
  log += ")\n";
}

// change: elements, end tags and comments are changed in a way that depends on them alone.
Run Rewrite(Memory& memory, const std::vector<std::string>& pieces, const std::vector<Handler>& handlers, bool change) {
  Run run;
  std::string text;
  {
    Rewriter rewriter(memory, {.utf8 = true, .esi_tags = false});
    for (const Handler& handler : handlers) {
      if (handler.selector.empty()) {
        rewriter.AddDocument(handler.wants);
      } else if (const char* error = rewriter.AddSelector(handler.selector, handler.wants)) {
        run.error = error;
        return run;
      }
    }
    auto fail = [&] { run.error = "memory"; };
    auto take = [&] {
      run.output.append(rewriter.output().data(), rewriter.output().size());
      rewriter.output().Clear();
    };
    auto write = [&](std::string_view content, bool markup) {
      if (!rewriter.Write(content, markup)) fail();
    };
    auto flush_text = [&] {
      if (!text.empty()) Note(run.log, "text", text);
      text.clear();
    };
    size_t next = 0;
    bool done = false;
    while (!done && run.error.empty()) {
      const Rewriter::Step step = rewriter.Next();
      if (step != Rewriter::Step::kText && step != Rewriter::Step::kInput && step != Rewriter::Step::kOutput &&
          step != Rewriter::Step::kPause) {
        flush_text();
      }
      switch (step) {
        case Rewriter::Step::kInput:
          if (next == pieces.size()) {
            rewriter.SetLast();
          } else {
            // In memory of just that size, so that the sanitizer sees what goes beyond.
            const std::string& piece = pieces[next++];
            char* copy = static_cast<char*>(std::malloc(piece.size() + 1));
            std::memcpy(copy, piece.data(), piece.size());
            if (!rewriter.Feed(copy, piece.size())) fail();
            std::free(copy);
          }
          break;
        case Rewriter::Step::kElement: {
          std::string seen(rewriter.name());
          StartTag& tag = rewriter.start_tag();
          for (size_t i = 0; i < tag.attribute_count(); i++) {
            seen += ' ';
            seen.append(tag.attribute_name(i));
            seen += '=';
            seen.append(tag.attribute_value(i));
          }
          for (size_t i = 0; i < rewriter.recipient_count(); i++) seen += " #" + std::to_string(rewriter.recipient(i));
          seen += " ns" + std::to_string(static_cast<int>(rewriter.space())) + (rewriter.has_content() ? "" : " void");
          Note(run.log, "element", seen);
          if (!change) break;
          const size_t kind = seen.size() % 7;
          if (kind == 0 && !tag.SetAttribute("Data-X", "\"1\"&")) fail();
          if (kind == 1 && tag.attribute_count() > 0) {
            const std::string name(tag.attribute_name(0));
            if (!tag.RemoveAttribute(name) || !tag.SetAttribute("id", "a") || !tag.SetAttribute("ID", "b")) fail();
          }
          if (kind == 2 && !tag.SetName("renamed")) fail();
          if (kind == 3) rewriter.RemoveContent();
          if (rewriter.has_content()) rewriter.SetEndKey(static_cast<uint32_t>(seen.size()));
          write("<before>", kind == 4);
          if (!rewriter.Self(kind != 5)) fail();
          write("<after&>", false);
          break;
        }
        case Rewriter::Step::kEndTag: {
          std::string seen(rewriter.name());
          for (size_t i = 0; i < rewriter.recipient_count(); i++) seen += " #" + std::to_string(rewriter.recipient(i));
          Note(run.log, "end tag", seen);
          if (seen.size() % 3 == 0 && !rewriter.SetEndTagName("ended")) fail();
          break;
        }
        case Rewriter::Step::kComment:
          Note(run.log, "comment", rewriter.text());
          if (change && !rewriter.SetCommentText("new")) fail();
          break;
        case Rewriter::Step::kText:
          text.append(rewriter.text());
          if (rewriter.last_in_text_node()) {
            flush_text();
            Note(run.log, "last", "");
          }
          break;
        case Rewriter::Step::kDoctype: {
          const Tokenizer::Doctype& doctype = rewriter.doctype();
          std::string seen;
          if (doctype.has_name) seen.append(rewriter.View(doctype.name));
          if (doctype.has_public_id) seen.append(" public ").append(rewriter.View(doctype.public_id));
          if (doctype.has_system_id) seen.append(" system ").append(rewriter.View(doctype.system_id));
          Note(run.log, "doctype", seen);
          break;
        }
        case Rewriter::Step::kEnd:
          done = true;
          break;
        case Rewriter::Step::kPause:
          break;
        case Rewriter::Step::kOutput:
          take();
          break;
        case Rewriter::Step::kFailed:
          run.error = rewriter.error();
          break;
      }
    }
    take();
  }
  if (memory.taken != 0) {
    std::fprintf(stderr, "%zu bytes were not given back\n", memory.taken);
    std::exit(1);
  }
  return run;
}

[[noreturn]] void Fail(const char* what, const std::string& document, const Run& a, const Run& b) {
  std::fprintf(stderr, "%s\n--- document\n%s\n--- one\n%s\n%s%s\n--- other\n%s\n%s%s\n", what, document.c_str(),
               a.output.c_str(), a.log.c_str(), a.error.c_str(), b.output.c_str(), b.log.c_str(), b.error.c_str());
  std::exit(1);
}

std::vector<std::string> Cut(std::mt19937& random, const std::string& document) {
  std::vector<std::string> pieces;
  const size_t longest = 1 + random() % 12;
  for (size_t at = 0; at < document.size();) {
    const size_t size = random() % (longest + 1);
    pieces.push_back(document.substr(at, size));
    at += size;
  }
  return pieces;
}

constexpr const char* kPieces[] = {
    "<",
    ">",
    "/",
    "!",
    "?",
    "-",
    "--",
    "=",
    "\"",
    "'",
    " ",
    "\n",
    "\f",
    "&amp;",
    "text",
    "é",
    "€",
    "\xf0\x9f\x98\x80",
    "<div>",
    "</div>",
    "<p a=b>",
    "</p>",
    "<br>",
    "<br/>",
    "<img src='x>y'>",
    "<A HREF=\"q\" x>",
    "</a>",
    "<span class='a b'>",
    "</span>",
    "<li>",
    "<ul id=u>",
    "</ul>",
    "<svg>",
    "</svg>",
    "<svg/>",
    "<math>",
    "</math>",
    "<mi>",
    "</mi>",
    "<title>",
    "</title>",
    "<foreignObject>",
    "</foreignObject>",
    "<desc>",
    "<annotation-xml encoding=text/html>",
    "</annotation-xml>",
    "<font color=x>",
    "<font>",
    "<![CDATA[",
    "]]>",
    "]",
    "<!--",
    "-->",
    "--!>",
    "<!-->",
    "<!--->",
    "<!doctype html>",
    "<!DOCTYPE x PUBLIC \"a\" 'b'>",
    "<!doctype",
    "public",
    "system",
    "<script>",
    "</script>",
    "</script ",
    "<script a=>",
    "<style>",
    "</style>",
    "<textarea>",
    "</textarea>",
    "<xmp>",
    "<noscript>",
    "<plaintext>",
    "<select>",
    "</select>",
    "<template>",
    "<frameset>",
    "script",
    "<x-y:z1>",
    "</x-y:z1>",
    "</",
    "<a",
    " b=c",
    "d=\"",
    "=e",
    "/>",
    "</div",
    "<?php ?>",
    "<table><tr>",
    "</table>",
    "\0x",
};

constexpr const char* kSelectors[] = {
    "*",
    "div",
    "p",
    "a[href]",
    "[a=b]",
    ".a",
    "#u > li",
    "ul li",
    "svg *",
    "span.a.b:not([id])",
    ":nth-child(2n+1)",
    "li:nth-of-type(2)",
    "div p",
    "div > *",
    "*:not(div)",
    "[src*=y]",
    "[class~=b]",
    "br",
    "x-y\\:z1",
    "p, a",
    "title",
};

std::string Document(std::mt19937& random) {
  std::string document;
  for (size_t n = random() % 40; n > 0; n--) document += kPieces[random() % std::size(kPieces)];
  return document;
}

void Fuzz(uint32_t rounds, uint32_t seed) {
  std::mt19937 random(seed);
  for (uint32_t round = 0; round < rounds; round++) {
    const std::string document = Document(random);
    std::vector<Handler> handlers;
    for (size_t n = random() % 4; n > 0; n--) {
      std::string selector = kSelectors[random() % std::size(kSelectors)];
      if (random() % 4 == 0)
        selector += std::string(random() % 2 == 0 ? " " : ">") + kSelectors[random() % std::size(kSelectors)];
      handlers.push_back({selector, static_cast<uint32_t>(random() % 8)});
    }
    if (random() % 2 == 0) handlers.push_back({"", static_cast<uint32_t>(random() % 15)});

    Memory memory;
    const bool change = random() % 2 == 0;
    const Run whole = Rewrite(memory, {document}, handlers, change);
    const Run cut = Rewrite(memory, Cut(random, document), handlers, change);
    if (whole.log != cut.log || whole.error != cut.error || (whole.error.empty() && whole.output != cut.output))
      Fail("cutting the document changes what comes out", document, whole, cut);
    if (whole.error.empty() && !change && whole.output != document)
      Fail("looking changes the document", document, whole, cut);

    Memory mean;
    mean.random.seed(round);
    mean.refuse_one_in = 1 + random() % 30;
    const Run starved = Rewrite(mean, Cut(random, document), handlers, change);
    if (starved.error.empty() && starved.output != whole.output)
      Fail("a refusal was not noticed", document, whole, starved);
  }
}

void FuzzSelectors(uint32_t rounds, uint32_t seed) {
  std::mt19937 random(seed);
  static constexpr const char* kParts[] = {
      "a",   "*",  ".",  "#",  "[",  "]", "(",  ")",  ":",     "::", ":not(", ":nth-child(", "2n", "+1",
      "odd", "of", "=",  "~=", "^=", "'", "\"", "\\", "\\31 ", " ",  ">",     "+",           "~",  ",",
      "|",   "/*", "*/", "-",  "--", "é", "1",  "i",  "\n",    "%"};
  for (uint32_t round = 0; round < rounds; round++) {
    std::string text;
    for (size_t n = random() % 12; n > 0; n--) text += kParts[random() % std::size(kParts)];
    char* copy = static_cast<char*>(std::malloc(text.size() + 1));
    std::memcpy(copy, text.data(), text.size());
    SelectorProgram program;
    (void)AddSelector(program, {copy, text.size()}, 0, random() % 2 == 0);
    std::free(copy);
  }
}

struct Vector {
  const char* document;
  const char* log;
};

// Tokens that the standard's tokenizer gives; with every handler there is.
constexpr Vector kVectors[] = {
    {"a<b>c</b>", "text(a)\nlast()\nelement(b #0 ns0)\ntext(c)\nlast()\n"},
    {"<script><!--<script></script>--></script>x",
     "element(script #0 ns0)\ntext(<!--<script></script>-->)\nlast()\ntext(x)\nlast()\n"},
    {"<script a=><b></script>", "element(script a= #0 ns0)\ntext(<b>)\nlast()\n"},
    {"<title><b></TITLE >", "element(title #0 ns0)\ntext(<b>)\nlast()\n"},
    {"<svg><title><b></title><style><a>",
     "element(svg #0 ns1)\nelement(title #0 ns1)\nelement(b #0 ns0)\nelement(style #0 ns0)\ntext(<a>)\nlast()\n"},
    {"<svg><![CDATA[<a>]]]>", "element(svg #0 ns1)\ntext(<a>])\nlast()\n"},
    {"<![CDATA[<a>]]>", "comment([CDATA[<a)\ntext(]]>)\nlast()\n"},
    {"<!--a--!b--><!-->x", "comment(a--!b)\ncomment()\ntext(x)\nlast()\n"},
    {"<!DOCTYPE X PUBLIC 'a'\"b\">", "doctype(X public a system b)\n"},
    {"<p a=1 b='2' c = \"3\"d/e/>", "element(p a=1 b=2 c=3 d= e= #0 ns0)\n"},
    {"<img><br/>", "element(img #0 ns0 void)\nelement(br #0 ns0 void)\n"},
    {"<a b", ""},
    {"</ x><?y></>", "comment( x)\ncomment(?y)\n"},
};

struct Match {
  const char* selector;
  const char* document;
  const char* names;  // Of the elements that match, in order.
};

constexpr Match kMatches[] = {
    {"div > *", "<div><a><b></b></a></div><c><div><d/></div></c><e>", "a d "},
    {"div i", "<i><div><b><i></b><i></div><i>", "i i "},
    {"a b > c", "<a><b><c></c><x><c></c></x></b></a><b><c></c></b>", "c "},
    {":nth-child(2n)", "<a></a><b></b><c><d></d><e></e></c><f></f>", "b e f "},
    {"b:nth-of-type(2)", "<b></b><c><b></b></c><b></b><B></B>", "b "},
    {"*:not(a):not(.x)", "<a><b class='y x'><c class=X>", "c "},
    {"[type=TEXT]", "<input type=text><svg type=text><a type=TEXT /></svg>", "input a "},
    {"[k*=aab]", "<a k=aaaab><b k=aba>", "a "},
    {"[k~=b], [k|=a]", "<a k='x b'><b k=a-c><c k=ab>", "a b "},
    {"img", "<img><p></img><img/>", "img img "},
    {"p > b", "<p><img><b>", "b "},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Vector& vector : kVectors) {
    Memory memory;
    const Run run = Rewrite(memory, {vector.document},
                            {{"*", kWantsElement}, {"", kWantsComments | kWantsText | kWantsDoctype}}, false);
    if (run.log != vector.log || run.output != vector.document)
      Fail("tokens", vector.document, run, {vector.document, vector.log, ""});
  }
  for (const Match& match : kMatches) {
    Memory memory;
    const Run run = Rewrite(memory, {match.document}, {{match.selector, kWantsElement}}, false);
    std::string names;
    for (size_t at = 0; (at = run.log.find("element(", at)) != std::string::npos;) {
      at += std::strlen("element(");
      names += run.log.substr(at, run.log.find(' ', at) - at) + " ";
    }
    if (names != match.names) Fail(match.selector, match.document, run, {"", match.names, ""});
  }
  const uint32_t rounds = argc > 1 ? static_cast<uint32_t>(std::atoi(argv[1])) : 100000;
  const char* seed_text = std::getenv("SEED");
  const uint32_t seed = seed_text != nullptr ? static_cast<uint32_t>(std::atoi(seed_text)) : 20260601;
  Fuzz(rounds, seed);
  FuzzSelectors(rounds, seed);
  std::printf("html: %zu vectors, %u documents and selectors, seed %u\n", std::size(kVectors), rounds, seed);
}
