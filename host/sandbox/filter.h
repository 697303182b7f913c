// Compiles rules to a classic BPF program for seccomp. Pure: the kernel is not asked. Any thread.
#pragma once

#include <linux/filter.h>

#include <span>
#include <vector>

#include "sandbox/rules.h"

namespace skerry::sandbox {

// `kill` is what Verdict::kKill becomes. Calls of another architecture, and those of x32, are always killed.
std::vector<sock_filter> Compile(std::span<const Rule> rules, Verdict kill);

}  // namespace skerry::sandbox
