#include "edge/clients/publisher.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/random_id.h"
#include "common/metrics/fixed_counters.h"
#include "edge/clients/read_times.h"

namespace gischat::edge::clients {
namespace {

namespace asio = boost::asio;

constexpr size_t kBatchMessages = 256;
constexpr size_t kBatchBytes = 8 << 20;
// An attempt gets more time than the one before, so that a fanout that hangs costs little, and a
// store that is slow is not asked the same too often.
constexpr absl::Duration kFirstAttempt = absl::Milliseconds(300);
constexpr absl::Duration kLastAttempt = absl::Seconds(1);
// Attempts and pauses between them are shorter: after so long without any this process was hung.
constexpr absl::Duration kHang = absl::Seconds(3);
constexpr size_t kLongAttemptBytes = 1 << 20;  // batches of this size get all of it at once
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(50);
constexpr absl::Duration kLastBackoff = absl::Seconds(1);

}  // namespace

struct Publisher::Metrics {
  explicit Metrics(prometheus::Registry& registry)
      : outcomes(registry, "gischat_edge_publishes_total", "Messages given to fanout, by outcome",
                 "outcome", {"published", "expired", "unknown", "refused"}),
        backlog(prometheus::BuildGauge()
                    .Name("gischat_edge_publish_backlog_messages")
                    .Help("Messages that wait for fanout or are under way to it")
                    .Register(registry)
                    .Add({})),
        retries(prometheus::BuildCounter()
                    .Name("gischat_edge_publish_retries_total")
                    .Help("Batches that were sent to fanout again")
                    .Register(registry)
                    .Add({})) {}

  metrics::FixedCounters outcomes;
  prometheus::Gauge& backlog;
  prometheus::Counter& retries;
};

// One channel: its messages in order, from the oldest that has no outcome yet.
class Publisher::Series : public std::enable_shared_from_this<Series> {
 public:
  Series(asio::io_context& loop, FanoutClient& fanout, std::string channel, BacklogLimits limits,
         std::shared_ptr<Metrics> metrics)
      : fanout_(fanout),
        channel_(std::move(channel)),
        limits_(limits),
        metrics_(std::move(metrics)),
        timer_(loop),
        publisher_(base::RandomUuid()) {
    unheard_.Begin(publisher_);
  }

  void Publish(std::string message, bool stored, base::StatusCallback done, Clock::time_point read,
               const trace::v1::Trace& trace) {
    Waiting waiting{std::move(message), stored, absl::Now() + limits_.patience, std::move(done),
                    read};
    waiting.trace = trace;
    if (Enqueue(waiting)) return;
    metrics_->outcomes.Count("refused");
    std::move(waiting.done)(absl::ResourceExhaustedError("too many messages wait"));
  }

  void Flush() {
    {
      const std::lock_guard lock(mutex_);
      if (busy_ || waiting_.empty()) return;
      busy_ = true;
      awake_ = absl::Now();
    }
    SendNext();
  }

  void Stop() {
    std::deque<Waiting> left;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      left = TakeFront(waiting_.size());
    }
    asio::post(timer_.get_executor(), [self = shared_from_this()] { self->timer_.cancel(); });
    Fail(std::move(left));
  }

  size_t pending() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

  hub::Place place() const {
    const std::lock_guard lock(mutex_);
    return place_;
  }

  std::optional<Clock::time_point> TakeReadTime(uint64_t token) {
    const std::lock_guard lock(mutex_);
    return unheard_.Take(token);
  }

 private:
  struct Waiting {
    std::string message;
    bool stored;
    absl::Time deadline;
    base::StatusCallback done;
    Clock::time_point read;
    bool was_sent = false;  // since it was refused last: it may stand in the channel
    bool was_refused = false;
    trace::v1::Trace trace = {};
  };

  // False: there is no room.
  bool Enqueue(Waiting& waiting) {
    const std::lock_guard lock(mutex_);
    const bool full = waiting_.size() >= limits_.messages ||
                      (!waiting_.empty() && bytes_ + waiting.message.size() > limits_.bytes);
    if (full || stopped_) return false;
    bytes_ += waiting.message.size();
    metrics_->backlog.Increment();
    waiting_.push_back(std::move(waiting));
    return true;
  }

  // How far a call of fanout is, whose answer may come before it returns.
  enum class Call { kBegun, kReturned, kAnswered };

  // Sends what waits, batch by batch as long as the answers come at once. Called by whoever set
  // busy_, or goes on with it.
  void SendNext() {
    while (SendOne()) {
    }
  }

  // True: it was published, and the next batch can go.
  bool SendOne() {
    fanout::v1::PublishRequest request;
    std::deque<Waiting> expired;
    absl::Duration timeout;
    {
      const std::lock_guard lock(mutex_);
      NoteAwake();
      expired = TakeExpired();
      if (waiting_.empty()) {
        busy_ = false;
      } else {
        const absl::Duration left = waiting_.front().deadline - absl::Now();
        request = MakeBatch();
        const bool large = request.ByteSizeLong() > kLongAttemptBytes;
        timeout = std::min(large ? kLastAttempt : attempt_, left);
      }
    }
    Fail(std::move(expired));
    if (request.drafts().empty()) return false;
    auto call = std::make_shared<std::atomic<Call>>(Call::kBegun);
    fanout_.Publish(
        std::move(request), std::max(timeout, absl::Milliseconds(1)),
        [self = shared_from_this(), call](absl::StatusOr<fanout::v1::PublishResponse> answer) {
          if (!self->OnAnswer(std::move(answer))) return;
          if (call->exchange(Call::kAnswered) == Call::kReturned) self->SendNext();
        });
    return call->exchange(Call::kReturned) == Call::kAnswered;
  }

  fanout::v1::PublishRequest MakeBatch() {
    fanout::v1::PublishRequest request;
    request.set_channel(channel_);
    request.set_publisher(publisher_);
    request.set_first_sequence(next_sequence_);
    request.set_after_gap(after_gap_);
    size_t bytes = 0;
    // A retry repeats exactly what was sent, so that numbers and messages stay together.
    const size_t wanted = sent_ > 0 ? sent_ : std::min(waiting_.size(), kBatchMessages);
    sent_ = 0;
    while (sent_ < wanted) {
      Waiting& waiting = waiting_[sent_];
      bytes += waiting.message.size();
      if (sent_ > 0 && !waiting.was_sent && bytes > kBatchBytes) break;
      fanout::v1::Draft& draft = *request.add_drafts();
      draft.set_message(waiting.message);
      draft.set_stored(waiting.stored);
      if (waiting.trace.request() != 0) *draft.mutable_trace() = waiting.trace;
      waiting.was_sent = true;
      unheard_.Note(next_sequence_ + sent_, waiting.read);
      ++sent_;
    }
    return request;
  }

  // True when the batch stands in the channel; otherwise it is sent again later.
  bool OnAnswer(absl::StatusOr<fanout::v1::PublishResponse> answer) {
    using fanout::v1::PublishResponse;
    {
      const std::lock_guard lock(mutex_);
      NoteAwake();
    }
    if (answer.ok() && answer->outcome() == PublishResponse::PUBLISHED) {
      OnPublished({answer->epoch(), answer->offset()});
      return true;
    }
    if (answer.status().code() == absl::StatusCode::kResourceExhausted) {
      OnRefused();
      return false;
    }
    {
      const std::lock_guard lock(mutex_);
      if (!answer.ok()) in_doubt_ = true;
      if (absl::IsDeadlineExceeded(answer.status())) {
        attempt_ = std::min(attempt_ * 2, kLastAttempt);
        backoff_ = kFirstBackoff;  // it has waited already
      }
      // The store has forgotten some of the series (nothing was said for long, or it failed over,
      // or came back empty). The numbers stay: by them it is known what was heard before.
      if (answer.ok() && answer->outcome() == PublishResponse::GAP) after_gap_ = true;
    }
    metrics_->retries.Increment();
    RetryLater();
    return false;
  }

  void OnPublished(hub::Place place) {
    std::deque<Waiting> done;
    {
      const std::lock_guard lock(mutex_);
      place_ = place;
      next_sequence_ += sent_;
      done = TakeFront(std::min(sent_, waiting_.size()));
      sent_ = 0;
      in_doubt_ = false;
      after_gap_ = false;
      attempt_ = kFirstAttempt;
      backoff_ = kFirstBackoff;
    }
    metrics_->outcomes.Count("published", static_cast<double>(done.size()));
    for (Waiting& waiting : done) std::move(waiting.done)(absl::OkStatus());
  }

  // The store was full and took nothing: the numbers are free again, and later there may be room.
  void OnRefused() {
    {
      const std::lock_guard lock(mutex_);
      if (!in_doubt_) {
        const size_t refused = std::min(std::exchange(sent_, 0), waiting_.size());
        for (size_t i = 0; i < refused; ++i) {
          waiting_[i].was_sent = false;
          waiting_[i].was_refused = true;
        }
      }  // else an earlier attempt may have put it into the channel all the same
    }
    metrics_->retries.Increment();
    RetryLater();
  }

  void RetryLater() {
    asio::post(timer_.get_executor(), [self = shared_from_this()] {
      {
        const std::lock_guard lock(self->mutex_);
        if (self->stopped_) return;
        self->timer_.expires_after(absl::ToChronoMilliseconds(self->backoff_));
        self->backoff_ = std::min(self->backoff_ * 2, kLastBackoff);
      }
      self->timer_.async_wait([self](boost::system::error_code error) {
        if (!error) self->SendNext();
      });
    });
  }

  // Time in which this process did not run is not held against what waits: it had no attempts then.
  void NoteAwake() {
    const absl::Time now = absl::Now();
    const absl::Duration asleep = now - std::exchange(awake_, now);
    if (asleep < kHang) return;
    for (Waiting& waiting : waiting_) waiting.deadline += asleep;
  }

  // What has waited for too long, from the front. Numbers that were sent can't be used for other
  // messages: the rest goes on as a new series.
  std::deque<Waiting> TakeExpired() {
    const absl::Time now = absl::Now();
    size_t count = 0;
    while (count < waiting_.size() && waiting_[count].deadline <= now) ++count;
    if (count == 0) return {};
    // What was sent together shares its fate: an attempt may still have succeeded as a whole.
    count = std::max(count, std::min(sent_, waiting_.size()));
    if (sent_ > 0) BeginSeries();
    return TakeFront(count);
  }

  void BeginSeries() {
    publisher_ = base::RandomUuid();
    next_sequence_ = 1;
    sent_ = 0;
    in_doubt_ = false;
    after_gap_ = false;
    unheard_.Begin(publisher_);
  }

  std::deque<Waiting> TakeFront(size_t count) {
    std::deque<Waiting> taken;
    for (size_t i = 0; i < count; ++i) {
      bytes_ -= waiting_.front().message.size();
      taken.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    metrics_->backlog.Decrement(static_cast<double>(count));
    return taken;
  }

  void Fail(std::deque<Waiting> failed) {
    for (Waiting& waiting : failed) {
      if (waiting.was_sent) {
        metrics_->outcomes.Count("unknown");
        std::move(waiting.done)(absl::UnknownError("sent, but never acknowledged"));
      } else if (waiting.was_refused) {
        metrics_->outcomes.Count("refused");
        std::move(waiting.done)(absl::ResourceExhaustedError("the store is full"));
      } else {
        metrics_->outcomes.Count("expired");
        std::move(waiting.done)(absl::DeadlineExceededError("fanout can't be reached"));
      }
    }
  }

  FanoutClient& fanout_;
  const std::string channel_;
  const BacklogLimits limits_;
  const std::shared_ptr<Metrics> metrics_;
  asio::steady_timer timer_;  // the loop's

  mutable std::mutex mutex_;  // guards what follows
  std::string publisher_;
  uint64_t next_sequence_ = 1;  // of the front
  std::deque<Waiting> waiting_;
  hub::Place place_;   // of the channel after the last batch
  ReadTimes unheard_;  // of what was sent
  size_t bytes_ = 0;
  size_t sent_ = 0;  // messages at the front that were sent as one batch and have no outcome yet
  bool in_doubt_ = false;   // the outcome of an earlier attempt to send them is unknown
  bool after_gap_ = false;  // the store misses numbers before next_sequence_
  bool busy_ = false;
  bool stopped_ = false;
  absl::Time awake_;                        // when something of a batch was done last
  absl::Duration attempt_ = kFirstAttempt;  // how long the next one may take
  absl::Duration backoff_ = kFirstBackoff;
};

Publisher::Publisher(asio::io_context& loop, FanoutClient& fanout,
                     const std::vector<std::string>& channels, BacklogLimits limits,
                     prometheus::Registry& registry)
    : loop_(loop),
      fanout_(fanout),
      limits_(limits),
      metrics_(std::make_shared<Metrics>(registry)),
      series_(std::make_shared<AllSeries>()) {
  for (const std::string& channel : channels) Add(channel);
}

Publisher::~Publisher() { Stop(); }

void Publisher::Stop() {
  for (const auto& [channel, series] : *All()) series->Stop();
}

void Publisher::Add(const std::string& channel) {
  if (Find(channel) != nullptr) return;
  auto next = std::make_shared<AllSeries>(*All());
  next->emplace_back(channel, std::make_shared<Series>(loop_, fanout_, channel, limits_, metrics_));
  const std::lock_guard lock(mutex_);
  series_ = std::move(next);
}

void Publisher::Remove(std::string_view channel) {
  const SeriesPtr removed = Find(channel);
  if (removed == nullptr) return;
  auto next = std::make_shared<AllSeries>(*All());
  std::erase_if(*next, [&](const auto& entry) { return entry.second == removed; });
  {
    const std::lock_guard lock(mutex_);
    series_ = std::move(next);
  }
  removed->Stop();
}

void Publisher::Publish(std::string_view channel, std::string message, bool stored,
                        base::StatusCallback done, Clock::time_point read,
                        const trace::v1::Trace& trace) {
  const SeriesPtr series = Find(channel);
  if (series == nullptr) {
    return std::move(done)(
        absl::NotFoundError(absl::StrCat("no channel '", std::string(channel), "'")));
  }
  series->Publish(std::move(message), stored, std::move(done), read, trace);
}

void Publisher::Flush() {
  for (const auto& [channel, series] : *All()) series->Flush();
}

hub::Place Publisher::place(std::string_view channel) const {
  const SeriesPtr series = Find(channel);
  return series == nullptr ? hub::Place() : series->place();
}

std::optional<Publisher::Clock::time_point> Publisher::TakeReadTime(std::string_view channel,
                                                                    uint64_t token) {
  const SeriesPtr series = Find(channel);
  return series == nullptr ? std::nullopt : series->TakeReadTime(token);
}

std::shared_ptr<const Publisher::AllSeries> Publisher::All() const {
  const std::lock_guard lock(mutex_);
  return series_;
}

Publisher::SeriesPtr Publisher::Find(std::string_view channel) const {
  const std::shared_ptr<const AllSeries> all = All();
  const auto found = std::find_if(all->begin(), all->end(),
                                  [&](const auto& entry) { return entry.first == channel; });
  return found == all->end() ? nullptr : found->second;
}

size_t Publisher::pending() const {
  size_t total = 0;
  for (const auto& [channel, series] : *All()) total += series->pending();
  return total;
}

}  // namespace gischat::edge::clients
