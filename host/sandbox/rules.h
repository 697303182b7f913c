// Which system calls a host may make once it runs, and why. rules.cc is the table; filter.cc makes a program of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace skerry::sandbox {

// What becomes of a call. Values of the kernel (seccomp(2)).
enum class Verdict : uint32_t {
  kAllow = 0x7fff0000u,
  kKill = 0x80000000u,
  kTrap = 0x00030000u,
  kNotPermitted = 0x00050000u | 1,     // EPERM
  kNotImplemented = 0x00050000u | 38,  // ENOSYS
  kInvalid = 0x00050000u | 22,         // EINVAL
};

// A condition on one argument.
struct Check {
  enum class Kind : uint8_t {
    kNone,
    kOneOf,      // The low 32 bits, which are all that the kernel looks at, are one of values.
    kNoBitsOf,   // None of the 64 bits of mask is set.
    kAllBitsOf,  // All bits of mask, which are below 2^32, are set.
    kZero,       // All 64 bits are zero.
  };
  static constexpr size_t kValuesMax = 12;

  Kind kind = Kind::kNone;
  uint8_t argument = 0;
  uint64_t mask = 0;
  uint32_t values[kValuesMax] = {};
  uint8_t count = 0;
};

struct Rule {
  int number;
  const char* name;
  Verdict verdict;  // If all checks hold.
  Verdict otherwise = Verdict::kKill;
  Check checks[2] = {};
};

// The rules, those of calls that are made often first. What is not in here is killed.
std::span<const Rule> Rules();

}  // namespace skerry::sandbox
