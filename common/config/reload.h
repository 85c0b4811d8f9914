#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/config_file.h"
#include "common/config/table.h"

namespace gischat::config {

// What came of reading the settings once more.
struct Reload {
  std::vector<std::string> mistakes;      // one sentence each; not empty: nothing is to change
  std::vector<std::string> changed;       // names of those that are others now
  std::vector<std::string> need_restart;  // names of those that would be, but can't while it runs
  std::vector<std::string> overridden;    // names in the file that the environment sets, and wins
};

// Reads what `table` has read before once more, from the environment and the file that it names.
// Returns the settings as they are to be from now on: those that can't change while the program
// runs are what they were. Nothing after mistakes. `Settings` declares itself in a table.
template <typename Settings>
std::optional<Settings> ReadAgain(Table& table, const Environment& environment, Reload* report) {
  Settings told;
  Table now = table.Blank();
  told.Declare(now);
  report->mistakes = now.Read(environment, ReadConfigFile(environment));
  report->overridden = now.overridden();
  if (!report->mistakes.empty()) return std::nullopt;

  Settings settings;
  Table next = table.Blank();
  settings.Declare(next);
  next.Read(table.Merge(now, &report->changed, &report->need_restart));
  table.Follow(next);
  return settings;
}

}  // namespace gischat::config
