#include "edge/session/reviewer.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "edge/session/after.h"

namespace gischat::edge::session {
namespace {

namespace asio = boost::asio;
using moderation::v1::ReviewRequest;
using moderation::v1::ReviewResponse;

constexpr std::chrono::milliseconds kRetry(200);

// A service that ends cancels the calls that it has.
bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status);
}

}  // namespace

Reviewer::Reviewer(net::Executor executor, clients::ModerationClient& moderation,
                   const Traffic& traffic)
    : executor_(executor),
      moderation_(moderation),
      traffic_(traffic),
      flush_(executor, [this] { Flush(); }),
      linger_timer_(executor) {}

void Reviewer::Review(ReviewRequest request, base::Callback<ReviewResponse> done,
                      Shortcut shortcut) {
  Asker asker{std::move(done), absl::Now() + kPatience, std::move(shortcut)};
  if (request.message().has_image()) {
    Ask(std::make_shared<ReviewRequest>(std::move(request)), std::move(asker));
  } else {
    Gather(std::move(request), std::move(asker));
  }
}

void Reviewer::Gather(ReviewRequest request, Asker asker) {
  const size_t bytes = request.ByteSizeLong();
  if (gathered_.empty() || gathered_.back()->askers.size() == kBatchMessages ||
      gathered_.back()->bytes + bytes > kBatchBytes) {
    gathered_.push_back(std::make_shared<Batch>());
    gathered_.back()->began = Clock::now();
  }
  Batch& batch = *gathered_.back();
  *batch.messages.add_requests() = std::move(request);
  batch.askers.push_back(std::move(asker));
  batch.bytes += bytes;
  flush_.Request();
}

void Reviewer::Flush() {
  while (!gathered_.empty()) {
    if (gathered_.size() == 1 && Lingers(*gathered_.front())) return;
    std::shared_ptr<Batch> batch = std::move(gathered_.front());
    gathered_.pop_front();
    Send(std::move(batch));
  }
}

// True: it waits for more, and Flush() is going to be called again.
bool Reviewer::Lingers(const Batch& batch) {
  if (batch.bytes >= kPromptBytes) return false;
  if (under_way_ > 0) return true;
  if (moderation_is_near_) return false;
  const size_t size = batch.askers.size();
  if (traffic_.MessagesUnderWay() <= 2 * size) return false;
  const Clock::time_point end = batch.began + kLinger;
  if (Clock::now() >= end) return false;
  FlushLater(end);
  return true;
}

// The timer is never cancelled: it goes off too early for the next batch, and is set again.
void Reviewer::FlushLater(Clock::time_point when) {
  if (std::exchange(lingering_, true)) return;
  linger_timer_.expires_at(when);
  linger_timer_.async_wait([this](boost::system::error_code error) {
    lingering_ = false;
    if (!error) Flush();
  });
}

void Reviewer::Send(std::shared_ptr<Batch> batch) {
  const std::shared_ptr<const moderation::v1::ReviewBatch> messages(batch, &batch->messages);
  ++under_way_;
  moderation_.ReviewAll(messages, [this, batch = std::move(batch)](auto answer) mutable {
    if (executor_.running_in_this_thread()) {
      moderation_is_near_ = true;  // it was a function call
    } else {
      TakeShortcut(*batch, answer);
    }
    asio::post(executor_, [this, batch = std::move(batch), answer = std::move(answer)]() mutable {
      OnAnswer(*batch, std::move(answer));
    });
  });
}

void Reviewer::TakeShortcut(const Batch& batch,
                            const absl::StatusOr<moderation::v1::ReviewBatchAnswer>& answer) const {
  if (batch.askers.size() != 1 || !batch.askers.front().shortcut) return;
  if (!answer.ok() || answer->answers_size() != 1 || !answer->answers(0).has_accepted()) return;
  batch.askers.front().shortcut(answer->answers(0).accepted());
}

void Reviewer::OnAnswer(Batch& batch, absl::StatusOr<moderation::v1::ReviewBatchAnswer> answer) {
  --under_way_;
  if (!gathered_.empty()) flush_.Request();
  if (answer.ok() && answer->answers_size() != batch.messages.requests_size()) {
    answer = absl::InternalError("moderation answers another number of messages");
  }
  for (int i = 0; i < batch.messages.requests_size(); ++i) {
    Asker& asker = batch.askers[static_cast<size_t>(i)];
    if (!answer.ok() && MayRetry(answer.status(), asker)) {
      After(executor_, kRetry,
            [this, request = std::move(*batch.messages.mutable_requests(i)),
             asker = std::move(asker)]() mutable { Gather(std::move(request), std::move(asker)); });
    } else if (!answer.ok()) {
      std::move(asker.done)(answer.status());
    } else if (answer->answers(i).verdict_case() == ReviewResponse::VERDICT_NOT_SET) {
      std::move(asker.done)(absl::InvalidArgumentError("not a message of a client"));
    } else {
      std::move(asker.done)(std::move(*answer->mutable_answers(i)));
    }
  }
}

void Reviewer::Ask(std::shared_ptr<ReviewRequest> request, Asker asker) {
  const std::shared_ptr<const ReviewRequest> message = request;
  moderation_.Review(message, [this, request, asker = std::move(asker)](auto answer) mutable {
    asio::post(executor_,
               [this, request, asker = std::move(asker), answer = std::move(answer)]() mutable {
                 if (answer.ok() || !MayRetry(answer.status(), asker)) {
                   return std::move(asker.done)(std::move(answer));
                 }
                 After(executor_, kRetry, [this, request, asker = std::move(asker)]() mutable {
                   Ask(request, std::move(asker));
                 });
               });
  });
}

bool Reviewer::MayRetry(const absl::Status& status, const Asker& asker) const {
  return IsTransient(status) && absl::Now() < asker.give_up;
}

}  // namespace gischat::edge::session
