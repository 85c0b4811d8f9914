#include <sys/resource.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "tests/bench/load/load.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/report.h"

namespace {

using gischat::bench::Load;
using gischat::bench::Options;

constexpr int kNoRun = 2;

int Complain(const absl::Status& status) {
  std::fputs(absl::StrCat("gischat-load: ", status.message(), "\n").c_str(), stderr);
  return kNoRun;
}

// The workers inherit it.
void RaiseOpenFiles() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  const absl::StatusOr<Options> options = gischat::bench::ParseOptions(argc, argv);
  if (absl::IsCancelled(options.status())) {
    std::fputs(gischat::bench::Usage().c_str(), stdout);
    return 0;
  }
  if (!options.ok()) return Complain(options.status());
  RaiseOpenFiles();
  Load load(*options);
  if (const absl::Status status = load.Run(); !status.ok()) return Complain(status);
  std::puts(ReportLine(*options, load.result()).c_str());
  return load.result().ok() ? 0 : 1;
}
