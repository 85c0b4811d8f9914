#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/utf8.h"
#include "common/config/table.h"

namespace gischat::config {
namespace {

constexpr size_t kLineWidth = 100;
constexpr size_t kOptionsColumn = 18;
constexpr size_t kWidestNames = 34;  // longer ones get a line of their own

// Words broken into lines of at most `width` code points; what is longer than a line stays whole.
std::vector<std::string> Wrap(const std::string& text, size_t width) {
  std::vector<std::string> lines(1);
  for (absl::string_view piece : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::string word(piece);
    const size_t length = base::CountCodePoints(lines.back()) + 1 + base::CountCodePoints(word);
    if (!lines.back().empty() && length > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

// One entry: names on the left, lines on the right.
std::string Entry(const std::string& names, const std::vector<std::string>& lines, size_t column) {
  std::string text = "  " + names;
  size_t at = text.size();
  for (const std::string& line : lines) {
    // What can't be wrapped, such as a URL, begins further left.
    const size_t room = kLineWidth - std::min(base::CountCodePoints(line), kLineWidth - 2);
    const size_t begin = std::min(column, room);
    if (at + 2 > begin) {
      text += '\n';
      at = 0;
    }
    absl::StrAppend(&text, std::string(begin - at, ' '), line);
    at = kLineWidth;
  }
  return text + '\n';
}

}  // namespace

std::string Table::Help() const {
  size_t widest = 0;
  for (const Variable& variable : variables_) {
    const size_t width = absl::StrJoin(variable.names.all(), ", ").size();
    if (width <= kWidestNames) widest = std::max(widest, width);
  }
  const size_t column = 2 + widest + 2;
  std::string text = absl::StrCat("Usage: ", program_, " [--help | --version | --check-config");
  for (const DeclaredOption& option : options_) absl::StrAppend(&text, " | ", option.name);
  absl::StrAppend(&text, "]\n\n", absl::StrJoin(Wrap(summary_, kLineWidth), "\n"), "\n\n",
                  "  --help          print this\n"
                  "  --version       print the version\n"
                  "  --check-config  read the settings, say what is wrong, end\n");
  for (const DeclaredOption& option : options_) {
    text += Entry(option.name, Wrap(option.help, kLineWidth - kOptionsColumn), kOptionsColumn);
  }
  text += "\nSettings, from the environment or from the file that it names:\n\n";
  for (const Variable& variable : variables_) {
    const std::string shown = variable.shown_default.empty() ? "none" : variable.shown_default;
    std::vector<std::string> lines = Wrap(variable.help, kLineWidth - column);
    for (std::string& line :
         Wrap(absl::StrCat("[", variable.shape, "; default: ", shown,
                           variable.changeable ? "; read again on SIGHUP]" : "]"),
              kLineWidth - column)) {
      lines.push_back(std::move(line));
    }
    text += Entry(absl::StrJoin(variable.names.all(), ", "), lines, column);
  }
  return text;
}

}  // namespace gischat::config
