#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/table.h"

namespace gischat::config {

// The variable that names the file; it can stand in the environment only.
inline constexpr char kConfigVariable[] = "GISCHAT_CONFIG";

// Settings in a file: lines NAME=VALUE. Blanks around both are dropped, and so are quotes, single
// or double, around a value; nothing in it is escaped. A line that begins with # is a comment.
struct ConfigFile {
  struct Entry {
    std::string value;
    int line = 0;
  };
  std::string path;
  std::map<std::string, Entry, std::less<>> entries;  // by name
  std::vector<std::string> mistakes;                  // "path:3: ...": lines that can't be read

  // "path:3", where an entry stands.
  std::string Place(const Entry& entry) const;
};

ConfigFile ParseConfigFile(std::string path, std::string_view text);

// The file that the environment names; empty when it names none. That it can't be read is a mistake
// of the file, too.
ConfigFile ReadConfigFile(const Environment& environment);

}  // namespace gischat::config
