#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "common/base/callback.h"
#include "edge/clients/backends.h"
#include "edge/net/end_of_turn.h"
#include "edge/net/queued_socket.h"
#include "edge/session/traffic.h"
#include "gischat/moderation/v1/moderation.pb.h"

namespace gischat::edge::session {

// Asks moderation about the messages of one io thread's clients. What they bring in one turn of the
// loop, or while a batch is being reviewed, goes as one batch, and its verdicts come back together.
// A batch that is smaller than what is on its way into the channels waits to become as large, for
// kLinger at most: reviewed at once it would mostly wait to be published. (Unless moderation is in
// the same process, where a batch costs no more than its messages.) So the more there is to
// do, the larger are the batches, and the less each message costs. An image goes alone. While
// moderation can't be reached the same is asked again, for kPatience.
//
// With little to do a change of threads costs more than the work. A message that was a batch by
// itself may go on from the thread that brings its verdict, before the loop hears of that.
//
// Confined to the thread, on which the callbacks run too. Outlives the loop's last run, and every
// callback of the client.
class Reviewer {
 public:
  static constexpr absl::Duration kPatience = absl::Seconds(10);
  static constexpr size_t kBatchMessages = 256;
  static constexpr size_t kBatchBytes = 8 << 20;  // a single message may be larger
  // A batch of this size waits for no other: looking at it takes longer than sending it.
  static constexpr size_t kPromptBytes = 16 << 10;
  static constexpr std::chrono::milliseconds kLinger{2};

  Reviewer(net::Executor executor, clients::ModerationClient& moderation, const Traffic& traffic);

  // Takes what was accepted further; called on another thread than the loop's.
  using Shortcut = std::function<void(const moderation::v1::Acceptance& accepted)>;

  // `done` gets the verdict, or after kPatience the last error. `shortcut` is called before, if the
  // message is accepted, was a batch by itself, and another thread than the loop's says so.
  void Review(moderation::v1::ReviewRequest request,
              base::Callback<moderation::v1::ReviewResponse> done, Shortcut shortcut = nullptr);

  // Sends what waits for no more. To be called when something is not under way any more.
  void Flush();

 private:
  using Clock = std::chrono::steady_clock;

  struct Asker {
    base::Callback<moderation::v1::ReviewResponse> done;
    absl::Time give_up;
    Shortcut shortcut;
  };
  struct Batch {
    moderation::v1::ReviewBatch messages;
    std::vector<Asker> askers;  // one for each
    size_t bytes = 0;
    Clock::time_point began;
  };

  void Gather(moderation::v1::ReviewRequest request, Asker asker);
  bool Lingers(const Batch& batch);
  void FlushLater(Clock::time_point when);
  void Send(std::shared_ptr<Batch> batch);
  void TakeShortcut(const Batch& batch,
                    const absl::StatusOr<moderation::v1::ReviewBatchAnswer>& answer) const;
  void OnAnswer(Batch& batch, absl::StatusOr<moderation::v1::ReviewBatchAnswer> answer);
  void Ask(std::shared_ptr<moderation::v1::ReviewRequest> request, Asker asker);
  bool MayRetry(const absl::Status& status, const Asker& asker) const;

  const net::Executor executor_;
  clients::ModerationClient& moderation_;
  const Traffic& traffic_;
  net::EndOfTurn flush_;
  std::deque<std::shared_ptr<Batch>> gathered_;
  size_t under_way_ = 0;             // batches
  bool moderation_is_near_ = false;  // in this process: there is nothing worth waiting for
  net::Timer linger_timer_;
  bool lingering_ = false;  // the timer runs
};

}  // namespace gischat::edge::session
