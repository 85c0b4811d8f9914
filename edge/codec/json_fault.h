#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace gischat::edge::codec {

// The byte at which a text stops being JSON, from 0, by the rules of Python's json module, whose
// offsets scripts of users know: a value, name, colon or comma that is missing is told where it
// should stand (behind blanks), a string without an end where it begins. Nothing when the text
// keeps to the grammar. For texts nested no deeper than kMaxJsonDepth up to the fault.
std::optional<size_t> FindJsonFault(std::string_view text);

}  // namespace gischat::edge::codec
