#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/load/crowd.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/roll.h"
#include "tests/bench/load/tally.h"

namespace gischat::bench {

// Lets the joiners of this process come: by the clock, or as fast as the handshakes go. A joiner is
// done when it was told a count; with newcomers when it has heard its own nickname. Not
// thread-safe.
class JoinStorm {
 public:
  // `people`: numbers of all members of the crowd; the joiners are those from `first_member` on.
  // `handshakes`: under way at once, of this process.
  JoinStorm(const Options& options, const std::vector<size_t>& people, size_t first_member,
            size_t handshakes, const Roll& roll, Crowd& crowd);

  void Begin(int64_t start_ns);
  void StartWhoIsDue();
  int64_t NextDue() const;  // INT64_MAX: nobody by the clock

  void Entered(size_t member);
  void ToldCount(size_t member);
  void HeardOwnName(size_t member);
  void Refused(size_t member, std::string_view reason);

  bool over() const { return over_ == joins_.size(); }
  int64_t last_progress_ns() const { return last_progress_ns_; }

  void Settle(Tally& tally) const;  // who is not done has failed

 private:
  struct Join {
    int64_t since_ns = 0;
    bool over = false;
  };
  bool may_start() const { return begun_ && started_ < joins_.size() && crowd_.entering() < most_; }
  int64_t DueOf(size_t join) const;
  void Finish(size_t member);
  void Fail(size_t member, std::string why);

  const Options& options_;
  const std::vector<size_t> people_;
  const size_t first_member_;
  const size_t most_;
  const Roll& roll_;
  Crowd& crowd_;
  std::vector<Join> joins_;
  bool begun_ = false;
  int64_t start_ns_ = 0;
  size_t started_ = 0;
  size_t over_ = 0;
  int64_t last_progress_ns_ = 0;
  Tally tally_;  // what concerns joins
};

}  // namespace gischat::bench
