#include "sandbox/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

namespace skerry::sandbox {

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no system-call filter for this architecture"
#endif
// Numbers from here on are x32's, which reach the same code by other numbers.
constexpr uint32_t kX32 = 0x40000000;

constexpr sock_filter Load(size_t offset) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(offset)}; }
// Both architectures are little-endian: the low half of an argument comes first.
constexpr sock_filter LoadLow(uint8_t argument) { return Load(offsetof(seccomp_data, args) + 8u * argument); }
constexpr sock_filter LoadHigh(uint8_t argument) { return Load(offsetof(seccomp_data, args) + 8u * argument + 4); }
constexpr sock_filter JumpIf(uint16_t test, uint32_t value, uint8_t yes, uint8_t no) {
  return {static_cast<uint16_t>(BPF_JMP | test | BPF_K), yes, no, value};
}
constexpr sock_filter Return(Verdict verdict) { return {BPF_RET | BPF_K, 0, 0, static_cast<uint32_t>(verdict)}; }

// A jump whose target is the end of the rule: put in when the rule's length is known.
constexpr uint8_t kFails = 0xff;

void AppendCheck(std::vector<sock_filter>& out, const Check& check) {
  const auto low = static_cast<uint32_t>(check.mask);
  const auto high = static_cast<uint32_t>(check.mask >> 32);
  switch (check.kind) {
    case Check::Kind::kNone:
      return;
    case Check::Kind::kOneOf:
      out.push_back(LoadLow(check.argument));
      for (uint8_t i = 0; i < check.count; i++) {
        const bool last = i + 1 == check.count;
        out.push_back(JumpIf(BPF_JEQ, check.values[i], static_cast<uint8_t>(check.count - 1 - i), last ? kFails : 0));
      }
      return;
    case Check::Kind::kNoBitsOf:
      out.push_back(LoadLow(check.argument));
      out.push_back(JumpIf(BPF_JSET, low, kFails, 0));
      out.push_back(LoadHigh(check.argument));
      out.push_back(JumpIf(BPF_JSET, high, kFails, 0));
      return;
    case Check::Kind::kAllBitsOf:
      out.push_back(LoadLow(check.argument));
      out.push_back({BPF_ALU | BPF_AND | BPF_K, 0, 0, low});
      out.push_back(JumpIf(BPF_JEQ, low, 0, kFails));
      return;
    case Check::Kind::kZero:
      out.push_back(LoadLow(check.argument));
      out.push_back(JumpIf(BPF_JEQ, 0, 0, kFails));
      out.push_back(LoadHigh(check.argument));
      out.push_back(JumpIf(BPF_JEQ, 0, 0, kFails));
      return;
  }
}

}  // namespace

std::vector<sock_filter> Compile(std::span<const Rule> rules, Verdict kill) {
  const auto become = [&](Verdict verdict) { return verdict == Verdict::kKill ? kill : verdict; };
  std::vector<sock_filter> program {
    Load(offsetof(seccomp_data, arch)), JumpIf(BPF_JEQ, kArchitecture, 1, 0), Return(Verdict::kKill),
        Load(offsetof(seccomp_data, nr)),
#if defined(__x86_64__)
        JumpIf(BPF_JGE, kX32, 0, 1), Return(Verdict::kKill),
#endif
  };
  for (const Rule& rule : rules) {
    std::vector<sock_filter> body;
    for (const Check& check : rule.checks) AppendCheck(body, check);
    const bool checked = !body.empty();
    body.push_back(Return(become(rule.verdict)));
    if (checked) body.push_back(Return(become(rule.otherwise)));
    for (size_t i = 0; i < body.size(); i++) {
      const auto end = static_cast<uint8_t>(body.size() - 1 - i - 1);
      if (BPF_CLASS(body[i].code) != BPF_JMP) continue;
      if (body[i].jt == kFails) body[i].jt = end;
      if (body[i].jf == kFails) body[i].jf = end;
    }
    program.push_back(JumpIf(BPF_JEQ, static_cast<uint32_t>(rule.number), 0, static_cast<uint8_t>(body.size())));
    program.insert(program.end(), body.begin(), body.end());
  }
  program.push_back(Return(kill));
  return program;
}

}  // namespace skerry::sandbox
