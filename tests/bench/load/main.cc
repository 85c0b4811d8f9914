#include <cstdio>
#include <utility>

#include "tests/bench/load/load.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/report.h"

int main(int argc, char** argv) {
  constexpr int kNoRun = 2;
  using namespace gischat::bench;

  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (absl::IsCancelled(options.status())) {
    std::fputs(Usage().c_str(), stdout);
    return 0;
  }
  if (!options.ok()) {
    std::fprintf(stderr, "gischat-load: %s (--help lists the flags)\n",
                 std::string(options.status().message()).c_str());
    return kNoRun;
  }
  Load load(*options);
  if (const absl::Status status = load.Run(); !status.ok()) {
    std::fprintf(stderr, "gischat-load: %s\n", std::string(status.message()).c_str());
    return kNoRun;
  }
  std::puts(ReportLine(*options, load.result()).c_str());
  return load.result().ok() ? 0 : 1;
}
