#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

// Settings from the environment and from a file. One table per process names every variable that it
// reads; the same table parses them, reports all mistakes together and prints --help.
//
//   struct Settings {
//     uint16_t port = 8000;
//     std::vector<std::string> channels = {"QGIS", "Geotribu"};
//     void Declare(config::Table& table) {
//       table.Number("GISCHAT_PORT", &port, {.min = 0, .unit = "port"}, "Where clients connect.");
//       table.List({"CHANNELS", "ROOMS"}, &channels, "Names of the channels.");
//     }
//   };
//
// The value that a target holds when it is declared is its default.
namespace gischat::config {

struct ConfigFile;

// The environment of a process: names to values.
using Environment = std::map<std::string, std::string, std::less<>>;

// A variable's name and its aliases. When several are set, the first one counts.
class Names {
 public:
  Names(const char* name) : all_{name} {}  // NOLINT(google-explicit-constructor)
  Names(std::initializer_list<std::string> names) : all_(names) {}
  const std::string& primary() const { return all_.front(); }
  const std::vector<std::string>& all() const { return all_; }

 private:
  std::vector<std::string> all_;
};

// What a number may be. Both ends are allowed.
struct Range {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();  // cut to what the target's type holds
  std::string unit = {};                              // for --help: "bytes", "ms", ...
};

class Table {
 public:
  // Judges or takes a value: kInvalidArgument with what is wrong ("must be ..."), without the name.
  using Reader = std::function<absl::Status(const std::string& value)>;

  // `program` as called on the command line; `summary`: what it does, in one sentence.
  Table(std::string program, std::string summary);

  // An integer; underscores between digits are allowed, as in 5_000_000.
  template <typename T>
  Table& Number(Names names, T* target, Range range, std::string help) {
    constexpr int64_t kLargest = std::numeric_limits<T>::digits >= 63
                                     ? std::numeric_limits<int64_t>::max()
                                     : static_cast<int64_t>(std::numeric_limits<T>::max());
    if (range.max > kLargest) range.max = kLargest;
    return AddNumber(std::move(names), static_cast<int64_t>(*target), std::move(range),
                     std::move(help), [target](int64_t value) { *target = static_cast<T>(value); });
  }

  // A length of time, given as a whole number of `unit` (absl::Seconds(1), absl::Milliseconds(1)).
  Table& Duration(Names names, absl::Duration* target, absl::Duration unit, Range range,
                  std::string help);

  // Any text; `check` may refuse it.
  Table& Text(Names names, std::string* target, std::string help, Reader check = nullptr);

  // Comma separated; blanks around elements are trimmed, empty ones dropped; `check` judges each.
  Table& List(Names names, std::vector<std::string>* target, std::string help,
              Reader check = nullptr);

  // One of a few words.
  Table& Choice(Names names, std::string* target, std::vector<std::string> words, std::string help);

  // Anything else: `reader` takes the value.
  Table& Custom(Names names, std::string shown_default, std::string help, Reader reader);

  // Names of which at least one must be set; `what`: what they tell, for the mistake.
  Table& RequireOne(std::vector<std::string> names, std::string what);

  // An option of the command line, such as "--probe", that does something instead of the program,
  // with the settings read; what it returns is the status to exit with.
  Table& Option(std::string name, std::string help, std::function<int()> action);
  // These variables may change while the program runs: all others need a restart. They have been
  // declared before.
  Table& Changeable(const std::vector<std::string>& names);

  // Reads every declared variable; targets of faulty ones keep their defaults. Returns one sentence
  // per mistake, by name and value; a value whose name ends in _URL, _PASSWORD or _TOKEN is not
  // repeated. An empty value counts as not set. A variable that begins with GISCHAT_ and that no
  // process of the suite knows is a mistake (with the nearest known name as a hint).
  std::vector<std::string> Read(const Environment& environment);

  // The same from the environment and a file, over which the environment wins. Mistakes in the file
  // begin with where they stand: "path:3: NAME: ...".
  std::vector<std::string> Read(const Environment& environment, const ConfigFile& file);

  // Names in the file that was read last which the environment has set, too.
  const std::vector<std::string>& overridden() const { return overridden_; }

  // For reading again, see reload.h. A table without variables for the same program.
  Table Blank() const { return {program_, summary_}; }
  // What is to be set when `now` was read after this: of changeable variables what it has read, of
  // others what this has. Appends the names of those whose values differ.
  Environment Merge(const Table& now, std::vector<std::string>* changed,
                    std::vector<std::string>* need_restart) const;
  // From now on what is set is what `next` has read.
  void Follow(const Table& next) { read_ = next.read_; }

  // Usage, options and every variable with default, unit and range.
  std::string Help() const;

  const std::string& program() const { return program_; }
  std::vector<std::string> VariableNames() const;  // aliases included

  // The action of that option; null when there is none.
  const std::function<int()>* FindOption(std::string_view name) const;

 private:
  struct Variable {
    Names names;
    std::string shown_default;
    std::string shape;  // "integer 0 to 65535, port"
    std::string help;
    Reader reader;
    bool changeable = false;
  };
  struct DeclaredOption {
    std::string name;
    std::string help;
    std::function<int()> action;
  };
  struct Requirement {
    std::vector<std::string> names;
    std::string what;
  };
  void ReadVariable(const Variable& variable, const Environment& environment,
                    const ConfigFile& file, std::vector<std::string>* mistakes);
  Table& AddNumber(Names names, int64_t shown_default, Range range, std::string help,
                   std::function<void(int64_t)> assign);

  std::string program_;
  std::string summary_;
  std::vector<Variable> variables_;
  std::vector<Requirement> requirements_;
  std::vector<DeclaredOption> options_;
  Environment read_;  // what was set, by primary names
  std::vector<std::string> overridden_;
};

// Every variable with the prefix GISCHAT_ that some process of the suite reads.
const std::vector<std::string_view>& SuiteVariables();

// The environment of this process.
Environment CurrentEnvironment();

// What main does first: answers --help, --version, --check-config and the table's own options,
// refuses anything else, reads the environment and the file that it names. Returns the status to
// exit with (0, that of an option, or 2 after mistakes were printed to stderr, one line each), or
// nothing when the process should go on.
std::optional<int> ReadCommandLine(Table& table, int argc, const char* const* argv,
                                   const Environment& environment);

}  // namespace gischat::config
