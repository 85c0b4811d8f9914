#pragma once

#include <string>

#include "tests/bench/load/load.h"
#include "tests/bench/load/options.h"

namespace gischat::bench {

// The run as one line of JSON; README.md of the parent folder explains its keys.
std::string ReportLine(const Options& options, const Result& result);

}  // namespace gischat::bench
