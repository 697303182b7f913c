// A debugging aid: says which system call was forbidden. Weaker than without it, since what says so is in the process
// itself.
#pragma once

#include "sandbox/step.h"

namespace skerry::sandbox {

// From now on a trapped call is named on standard error, and then ends the process.
Failure ExplainTraps();

}  // namespace skerry::sandbox
