#pragma once

#include "common/config/reload.h"
#include "common/process/process.h"

namespace gischat::process {

// From now on a SIGHUP makes the process read again what `table` has read, and call
// `apply(settings)` on the loop's thread with all of its settings as they are to be, unless there
// is a mistake in them. The table outlives Run(); call before it.
template <typename Settings, typename Apply>
void ReloadOnHangup(Process& process, config::Table& table, Apply apply) {
  process.NoteOverridden(table.overridden());
  process.OnHangup([&table, environment = config::CurrentEnvironment(), apply] {
    config::Reload report;
    if (const auto settings = config::ReadAgain<Settings>(table, environment, &report)) {
      apply(*settings);
    }
    return report;
  });
}

}  // namespace gischat::process
