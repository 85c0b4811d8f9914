#pragma once

#include <string_view>

namespace gischat::base {

// Version of the whole suite, e.g. "4.0.0".
std::string_view Version();

}  // namespace gischat::base
