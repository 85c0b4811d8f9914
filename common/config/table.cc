#include "common/config/table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/utf8.h"
#include "common/config/config_file.h"

namespace gischat::config {
namespace {

constexpr std::string_view kSuitePrefix = "GISCHAT_";

// A value in quotes, on one line, whatever it holds.
std::string Shown(const std::string& value) {
  const bool printable =
      base::IsUtf8(value) && std::none_of(value.begin(), value.end(),
                                          [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return base::Quote(printable ? value : absl::CHexEscape(value));
}

// An empty value is none.
bool IsSet(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found != environment.end() && !found->second.empty();
}

bool IsSet(const ConfigFile& file, const std::string& name) {
  const auto found = file.entries.find(name);
  return found != file.entries.end() && !found->second.value.empty();
}

bool IsSecret(std::string_view name) {
  return name.ends_with("_URL") || name.ends_with("_PASSWORD") || name.ends_with("_TOKEN");
}

// 5_000_000 as Python reads it: underscores stand between digits only.
bool ParseInteger(std::string text, int64_t* value) {
  const auto is_digit = [&text](size_t at) {
    return at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at]));
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && (i == 0 || !is_digit(i - 1) || !is_digit(i + 1))) return false;
  }
  std::erase(text, '_');
  return absl::SimpleAtoi(text, value);
}

std::string Describe(const Range& range) {
  if (range.max == std::numeric_limits<int64_t>::max()) return absl::StrCat("from ", range.min);
  return absl::StrCat("from ", range.min, " to ", range.max);
}

std::string UnitName(absl::Duration unit) {
  if (unit == absl::Milliseconds(1)) return "ms";
  if (unit == absl::Seconds(1)) return "seconds";
  if (unit == absl::Minutes(1)) return "minutes";
  return absl::FormatDuration(unit);
}

// How many letters to insert, drop or replace to get from one word to the other.
size_t EditDistance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

std::string UnknownVariable(std::string_view name, const std::vector<std::string>& known) {
  constexpr size_t kFarthestHint = 4;
  const auto nearest =
      std::min_element(known.begin(), known.end(), [name](const auto& a, const auto& b) {
        return EditDistance(name, a) < EditDistance(name, b);
      });
  std::string mistake = absl::StrCat(std::string(name), ": unknown variable");
  if (nearest != known.end() && EditDistance(name, *nearest) <= kFarthestHint) {
    absl::StrAppend(&mistake, " (did you mean ", *nearest, "?)");
  }
  return mistake;
}

}  // namespace

Table::Table(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {}

Table& Table::AddNumber(Names names, int64_t shown_default, Range range, std::string help,
                        std::function<void(int64_t)> assign) {
  std::string shape = absl::StrCat("integer ", Describe(range));
  if (!range.unit.empty()) absl::StrAppend(&shape, ", ", range.unit);
  auto reader = [range, assign = std::move(assign)](const std::string& value) {
    int64_t number = 0;
    if (!ParseInteger(value, &number) || number < range.min || number > range.max) {
      return absl::InvalidArgumentError(absl::StrCat("must be an integer ", Describe(range)));
    }
    assign(number);
    return absl::OkStatus();
  };
  variables_.push_back({std::move(names), absl::StrCat(shown_default), std::move(shape),
                        std::move(help), std::move(reader)});
  return *this;
}

Table& Table::Duration(Names names, absl::Duration* target, absl::Duration unit, Range range,
                       std::string help) {
  if (range.unit.empty()) range.unit = UnitName(unit);
  return AddNumber(std::move(names), *target / unit, std::move(range), std::move(help),
                   [target, unit](int64_t count) { *target = count * unit; });
}

Table& Table::Text(Names names, std::string* target, std::string help, Reader check) {
  auto reader = [target, check = std::move(check)](const std::string& value) {
    if (check != nullptr) {
      if (absl::Status status = check(value); !status.ok()) return status;
    }
    *target = value;
    return absl::OkStatus();
  };
  return Custom(std::move(names), *target, std::move(help), std::move(reader));
}

Table& Table::List(Names names, std::vector<std::string>* target, std::string help, Reader check) {
  auto reader = [target, check = std::move(check)](const std::string& value) {
    std::vector<std::string> elements;
    std::vector<std::string> mistakes;
    for (absl::string_view part : absl::StrSplit(value, ',')) {
      std::string element(absl::StripAsciiWhitespace(part));
      if (element.empty()) continue;
      if (check != nullptr) {
        if (const absl::Status status = check(element); !status.ok()) {
          mistakes.push_back(absl::StrCat("has ", Shown(element), ", which ", status.message()));
        }
      }
      elements.push_back(std::move(element));
    }
    if (elements.empty()) mistakes.emplace_back("must hold at least one element");
    if (!mistakes.empty()) return absl::InvalidArgumentError(absl::StrJoin(mistakes, "; "));
    *target = std::move(elements);
    return absl::OkStatus();
  };
  variables_.push_back({std::move(names), absl::StrJoin(*target, ", "), "comma separated",
                        std::move(help), std::move(reader)});
  return *this;
}

Table& Table::Choice(Names names, std::string* target, std::vector<std::string> words,
                     std::string help) {
  std::string shape = absl::StrJoin(words, " | ");
  auto reader = [target, words = std::move(words)](const std::string& value) {
    if (std::find(words.begin(), words.end(), value) == words.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be one of ", absl::StrJoin(words, ", ")));
    }
    *target = value;
    return absl::OkStatus();
  };
  variables_.push_back(
      {std::move(names), *target, std::move(shape), std::move(help), std::move(reader)});
  return *this;
}

Table& Table::Custom(Names names, std::string shown_default, std::string help, Reader reader) {
  variables_.push_back(
      {std::move(names), std::move(shown_default), "text", std::move(help), std::move(reader)});
  return *this;
}

Table& Table::RequireOne(std::vector<std::string> names, std::string what) {
  requirements_.push_back({std::move(names), std::move(what)});
  return *this;
}

Table& Table::Option(std::string name, std::string help, std::function<int()> action) {
  options_.push_back({std::move(name), std::move(help), std::move(action)});
  return *this;
}

const std::function<int()>* Table::FindOption(std::string_view name) const {
  const auto found =
      std::find_if(options_.begin(), options_.end(),
                   [&](const DeclaredOption& option) { return option.name == name; });
  return found == options_.end() ? nullptr : &found->action;
}

Table& Table::Changeable(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    for (Variable& variable : variables_) {
      if (variable.names.primary() == name) variable.changeable = true;
    }
  }
  return *this;
}

std::vector<std::string> Table::Read(const Environment& environment) {
  return Read(environment, ConfigFile());
}

std::vector<std::string> Table::Read(const Environment& environment, const ConfigFile& file) {
  std::vector<std::string> mistakes = file.mistakes;
  read_.clear();
  overridden_.clear();
  for (const Variable& variable : variables_) ReadVariable(variable, environment, file, &mistakes);
  for (const Requirement& requirement : requirements_) {
    const bool met = std::any_of(
        requirement.names.begin(), requirement.names.end(),
        [&](const auto& name) { return IsSet(environment, name) || IsSet(file, name); });
    if (met) continue;
    mistakes.push_back(absl::StrCat(absl::StrJoin(requirement.names, ", "),
                                    ": one must be set: ", requirement.what));
  }
  std::vector<std::string> known = VariableNames();
  known.insert(known.end(), SuiteVariables().begin(), SuiteVariables().end());
  const auto is_unknown = [&known](std::string_view name) {
    return name.starts_with(kSuitePrefix) &&
           std::find(known.begin(), known.end(), name) == known.end();
  };
  for (const auto& [name, value] : environment) {
    if (is_unknown(name)) mistakes.push_back(UnknownVariable(name, known));
  }
  for (const auto& [name, entry] : file.entries) {
    if (is_unknown(name)) {
      mistakes.push_back(absl::StrCat(file.Place(entry), ": ", UnknownVariable(name, known)));
    }
  }
  return mistakes;
}

void Table::ReadVariable(const Variable& variable, const Environment& environment,
                         const ConfigFile& file, std::vector<std::string>* mistakes) {
  bool is_read = false;
  const auto take = [&](const std::string& name, const std::string& text,
                        const std::string& place) {
    is_read = true;
    read_[variable.names.primary()] = text;
    const absl::Status status = variable.reader(text);
    if (status.ok()) return;
    const std::string value = IsSecret(name) ? "" : Shown(text) + " ";
    mistakes->push_back(absl::StrCat(place, name, ": ", value, status.message()));
  };
  for (const std::string& name : variable.names.all()) {
    if (!is_read && IsSet(environment, name)) take(name, environment.at(name), "");
  }
  const bool is_set_outside = is_read;
  for (const std::string& name : variable.names.all()) {
    if (!IsSet(file, name)) continue;
    const ConfigFile::Entry& entry = file.entries.at(name);
    if (is_set_outside) overridden_.push_back(name);
    if (!is_read) take(name, entry.value, file.Place(entry) + ": ");
  }
}

Environment Table::Merge(const Table& now, std::vector<std::string>* changed,
                         std::vector<std::string>* need_restart) const {
  Environment merged;
  for (const Variable& variable : variables_) {
    const std::string& name = variable.names.primary();
    const auto before = read_.find(name);
    const auto after = now.read_.find(name);
    const bool differs = (before == read_.end()) != (after == now.read_.end()) ||
                         (before != read_.end() && before->second != after->second);
    if (differs) (variable.changeable ? changed : need_restart)->push_back(name);
    if (variable.changeable && after != now.read_.end()) merged[name] = after->second;
    if (!variable.changeable && before != read_.end()) merged[name] = before->second;
  }
  return merged;
}

std::vector<std::string> Table::VariableNames() const {
  std::vector<std::string> names;
  for (const Variable& variable : variables_) {
    names.insert(names.end(), variable.names.all().begin(), variable.names.all().end());
  }
  return names;
}

}  // namespace gischat::config
