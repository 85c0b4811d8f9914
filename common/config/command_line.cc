#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/version.h"
#include "common/config/config_file.h"
#include "common/config/table.h"

namespace gischat::config {
namespace {

constexpr int kSuccess = 0;
constexpr int kMistake = 2;

void Print(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

}  // namespace

Environment CurrentEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::optional<int> ReadCommandLine(Table& table, int argc, const char* const* argv,
                                   const Environment& environment) {
  const std::string& program = table.program();
  const std::string_view option = argc > 1 ? argv[1] : "";
  const std::function<int()>* const action = table.FindOption(option);
  const bool known = option == "--help" || option == "--version" || option == "--check-config" ||
                     action != nullptr;
  if (argc > 2 || (argc == 2 && !known)) {
    const std::string_view refused = known ? argv[2] : option;
    Print(stderr, program + ": unknown argument '" + std::string(refused) + "' (see --help)\n");
    return kMistake;
  }
  if (option == "--help") {
    Print(stdout, table.Help());
    return kSuccess;
  }
  if (option == "--version") {
    Print(stdout, program + " " + std::string(base::Version()) + "\n");
    return kSuccess;
  }
  const std::vector<std::string> mistakes = table.Read(environment, ReadConfigFile(environment));
  for (const std::string& mistake : mistakes) {
    Print(stderr, absl::StrCat(program, ": ", mistake, "\n"));
  }
  if (!mistakes.empty()) return kMistake;
  if (option == "--check-config") {
    Print(stdout, program + ": configuration is valid\n");
    return kSuccess;
  }
  if (action != nullptr) return (*action)();
  return std::nullopt;
}

}  // namespace gischat::config
