#include "common/config/config_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gischat::config {
namespace {

bool IsName(std::string_view name) {
  const auto is_part = [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; };
  return !name.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), is_part);
}

// Takes the quotes off. False: the first one has no partner at the end.
bool Unquote(std::string* value) {
  if (value->empty() || (value->front() != '"' && value->front() != '\'')) return true;
  if (value->size() < 2 || value->back() != value->front()) return false;
  *value = value->substr(1, value->size() - 2);
  return true;
}

// False with errno set when it can't be read.
bool ReadWhole(const std::string& path, std::string* text) {
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  std::array<char, 4096> piece{};
  for (size_t size = 0; (size = std::fread(piece.data(), 1, piece.size(), file)) > 0;) {
    text->append(piece.data(), size);
  }
  const int error = std::ferror(file) != 0 ? errno : 0;
  std::fclose(file);
  errno = error;
  return error == 0;
}

// What is wrong with the line; empty: nothing.
std::string Take(const std::string& line, int number, ConfigFile* file) {
  const size_t equals = line.find('=');
  if (equals == std::string::npos) return "must be NAME=VALUE, or a comment that begins with #";
  const std::string name(absl::StripAsciiWhitespace(line.substr(0, equals)));
  std::string value(absl::StripAsciiWhitespace(line.substr(equals + 1)));
  if (!IsName(name)) return "must begin with the name of a setting";
  if (!Unquote(&value)) return name + ": its quote is not closed at the end of the line";
  if (name == kConfigVariable) return name + ": can be set in the environment only";
  const auto [entry, is_new] = file->entries.try_emplace(name, ConfigFile::Entry{value, number});
  if (!is_new) return absl::StrCat(name, ": stands in line ", entry->second.line, " already");
  return {};
}

}  // namespace

std::string ConfigFile::Place(const Entry& entry) const {
  return absl::StrCat(path, ":", entry.line);
}

ConfigFile ParseConfigFile(std::string path, std::string_view text) {
  ConfigFile file;
  file.path = std::move(path);
  int number = 0;
  for (absl::string_view piece :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    const std::string line(absl::StripAsciiWhitespace(piece));
    if (line.empty() || line.front() == '#') continue;
    const std::string mistake = Take(line, number, &file);
    if (!mistake.empty()) {
      file.mistakes.push_back(absl::StrCat(file.path, ":", number, ": ", mistake));
    }
  }
  return file;
}

ConfigFile ReadConfigFile(const Environment& environment) {
  const auto path = environment.find(kConfigVariable);
  if (path == environment.end() || path->second.empty()) return {};
  std::string text;
  if (!ReadWhole(path->second, &text)) {
    ConfigFile file;
    file.path = path->second;
    file.mistakes.push_back(absl::StrCat(kConfigVariable, ": \"", path->second,
                                         "\" can't be read: ", std::strerror(errno)));
    return file;
  }
  return ParseConfigFile(path->second, text);
}

}  // namespace gischat::config
