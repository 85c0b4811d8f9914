#include "services/moderation/service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/random_id.h"
#include "common/rpc/answers.h"
#include "common/rpc/status.h"
#include "common/trace/trace.h"
#include "gischat/moderation/v1/moderation.grpc.pb.h"
#include "services/moderation/base64.h"
#include "services/moderation/image.h"
#include "services/moderation/image_desk.h"
#include "services/moderation/image_library.h"
#include "services/moderation/metrics.h"
#include "services/moderation/rules.h"
#include "services/moderation/work_pool.h"

namespace gischat::moderation {
namespace {

using chat::v1::ChatMessage;

ImageNormaliser::Limits ImageLimits(const config::ContentLimits& limits) {
  return {.side = limits.max_image_size, .pixels = limits.max_image_pixels};
}

ImageDesk::Bounds DeskBounds(const Settings& settings) {
  return {.cache_bytes = settings.image_cache_bytes, .waiting = settings.image_queue};
}

WorkPool::Bounds PoolBounds(const Settings& settings) {
  return {.threads = settings.image_workers, .waiting = settings.image_queue};
}

// Fills in what a message gets from the server.
void Complete(const base::Clock& clock, ChatMessage& message) {
  const bool always_new = message.has_newcomer();
  if (always_new || message.id().empty()) message.set_id(base::RandomUuid());
  if (always_new || !message.has_timestamp()) {
    message.set_timestamp(absl::ToUnixSeconds(clock.Now()));
  }
}

// A copy of an image message with another image in it. (Copying the original first would copy
// megabytes in order to drop them.)
ChatMessage WithImage(const ChatMessage& original, std::string image_data) {
  ChatMessage message;
  message.set_id(original.id());
  if (original.has_timestamp()) message.set_timestamp(original.timestamp());
  message.set_in_reply_to_id(original.in_reply_to_id());
  if (original.has_trace()) *message.mutable_trace() = original.trace();
  chat::v1::Image& image = *message.mutable_image();
  image.set_author(original.image().author());
  if (original.image().has_avatar()) image.set_avatar(original.image().avatar());
  image.set_image_data(std::move(image_data));
  return message;
}

bool IsAbout(const std::vector<v1::Violation>& violations, std::string_view field) {
  return std::any_of(violations.begin(), violations.end(),
                     [&](const v1::Violation& violation) { return violation.field() == field; });
}

bool HaveSameImages(const config::ContentLimits& a, const config::ContentLimits& b) {
  return a.max_image_size == b.max_image_size && a.max_image_pixels == b.max_image_pixels;
}

void NoteVerdict(const ChatMessage& message, std::string_view verdict) {
  if (message.has_trace()) trace::LogStep(message.trace(), "reviewed", {{"verdict", verdict}});
}

bool CanBeJudged(const v1::ReviewRequest& request) {
  const ChatMessage::KindCase kind = request.message().kind_case();
  if (IsFromClients(kind)) return true;
  return kind == ChatMessage::KIND_NOT_SET && request.decoding_violations_size() > 0;
}

// Where images are made to fit, for as long as the limits on them stay what they are: the desk
// keeps outcomes.
class ImageRoom {
 public:
  ImageRoom(const Settings& settings, Metrics& metrics)
      : metrics_(metrics),
        normaliser_(ImageLimits(settings.limits)),
        desk_(
            DeskBounds(settings),
            [this](std::string_view image_data, const ImageDesk::Abandoned& abandoned) {
              return MakeFit(image_data, abandoned);
            },
            metrics) {}

  ImageDesk& desk() { return desk_; }

 private:
  absl::StatusOr<std::string> MakeFit(std::string_view image_data,
                                      const ImageNormaliser::Abandoned& abandoned);

  Metrics& metrics_;
  const ImageNormaliser normaliser_;
  ImageDesk desk_;
};

// What messages are judged by. Immutable; replaced as a whole.
struct Judgement {
  config::ContentLimits limits;
  Rules rules;
  std::shared_ptr<ImageRoom> images;
};
using JudgementPtr = std::shared_ptr<const Judgement>;

}  // namespace

class Service::Core final : public v1::Moderation::CallbackService {
 public:
  Core(const Settings& settings, const base::Clock& clock, prometheus::Registry& registry)
      : clock_(clock),
        metrics_(registry),
        judgement_(Judge(settings, std::make_shared<ImageRoom>(settings, metrics_))),
        batches_([this](const v1::ReviewBatch& batch, v1::ReviewBatchAnswer& answer,
                        const std::function<void()>& done) {
          JudgeAll(batch, answer);
          done();
        }),
        pool_(PoolBounds(settings), clock) {}

  grpc::ServerUnaryReactor* Review(grpc::CallbackServerContext* context,
                                   const v1::ReviewRequest* request,
                                   v1::ReviewResponse* response) override;

  grpc::ServerBidiReactor<v1::ReviewBatch, v1::ReviewBatchAnswer>* ReviewAll(
      grpc::CallbackServerContext* /*context*/) override {
    return batches_.Open();
  }

  void JudgeAll(const v1::ReviewBatch& batch, v1::ReviewBatchAnswer& answer) {
    const JudgementPtr judgement = Now();
    for (const v1::ReviewRequest& request : batch.requests()) {
      JudgeWords(*judgement, request, *answer.add_answers());
    }
  }

  void Apply(const Settings& settings) {
    const JudgementPtr before = Now();
    JudgementPtr next = Judge(settings, HaveSameImages(before->limits, settings.limits)
                                            ? before->images
                                            : std::make_shared<ImageRoom>(settings, metrics_));
    const std::lock_guard lock(mutex_);
    judgement_ = std::move(next);
  }

  void EndStreams() { batches_.EndAll(); }

 private:
  class ImageReview;

  static JudgementPtr Judge(const Settings& settings, std::shared_ptr<ImageRoom> images) {
    return std::make_shared<const Judgement>(
        Judgement{settings.limits, Rules(settings.limits, settings.cheatcodes), std::move(images)});
  }
  JudgementPtr Now() {
    const std::lock_guard lock(mutex_);
    return judgement_;
  }
  void JudgeWords(const Judgement& judgement, const v1::ReviewRequest& request,
                  v1::ReviewResponse& response);
  void Accept(const Judgement& judgement, ChatMessage message, v1::ReviewResponse& response);
  void Reject(const ChatMessage& message, std::vector<v1::Violation> violations,
              v1::ReviewResponse& response);

  const base::Clock& clock_;
  Metrics metrics_;
  std::mutex mutex_;
  JudgementPtr judgement_;  // guarded by mutex_
  rpc::Answers<v1::ReviewBatch, v1::ReviewBatchAnswer> batches_;
  WorkPool pool_;
};

// One call whose image is looked at by the pool. Deletes itself when gRPC is done with it.
class Service::Core::ImageReview final : public grpc::ServerUnaryReactor {
 public:
  // `other_faults`: of the fields before the image, to be told together with its own.
  ImageReview(Core& core, JudgementPtr judgement, const v1::ReviewRequest& request,
              std::vector<v1::Violation> other_faults, v1::ReviewResponse& response)
      : core_(core),
        judgement_(std::move(judgement)),
        request_(request),
        faults_(std::move(other_faults)),
        response_(response) {}

  void Start() {
    core_.metrics_.ImageBeginsToWait();
    const size_t bytes = request_.message().image().image_data().size();
    absl::StatusOr<WorkPool::Ticket> ticket =
        core_.pool_.Submit(bytes, [this](absl::Status status) {
          core_.metrics_.ImageEndsToWait();
          status.ok() ? Look() : Drop(status);
        });
    if (!ticket.ok()) {
      core_.metrics_.ImageEndsToWait();
      core_.metrics_.CountRefusal(Refusal::kQueueFull);
      Fail(ticket.status());
    } else {
      ticket_ = *ticket;
    }
  }

  void OnCancel() override {
    abandoned_.store(true);
    core_.pool_.Cancel(ticket_);
  }

  void OnDone() override { delete this; }

 private:
  void Look() {
    const std::shared_ptr<ImageRoom> room =
        judgement_->images;  // the answer may be the end of this
    room->desk().Take({request_.message().image().image_data(), &abandoned_,
                       [this](const absl::StatusOr<ImageOutcome>& image) { Answer(image); }});
  }

  void Answer(const absl::StatusOr<ImageOutcome>& image) {
    if (absl::IsResourceExhausted(image.status())) {
      core_.metrics_.CountRefusal(Refusal::kQueueFull);
    }
    if (!image.ok()) return Fail(image.status());
    if ((*image)->empty()) faults_.push_back(BadImage());
    if (faults_.empty()) {
      core_.Accept(*judgement_, WithImage(request_.message(), **image), response_);
    } else {
      core_.Reject(request_.message(), std::move(faults_), response_);
    }
    Finish(grpc::Status::OK);
  }

  void Drop(const absl::Status& status) {
    if (absl::IsCancelled(status)) core_.metrics_.CountRefusal(Refusal::kCancelled);
    if (absl::IsResourceExhausted(status)) core_.metrics_.CountRefusal(Refusal::kWaitedTooLong);
    Fail(status);
  }

  void Fail(const absl::Status& status) {
    core_.metrics_.CountReview(ChatMessage::kImage, Verdict::kFailed);
    NoteVerdict(request_.message(), "failed");
    Finish(rpc::ToGrpc(status));
  }

  Core& core_;
  const JudgementPtr judgement_;
  const v1::ReviewRequest& request_;
  std::vector<v1::Violation> faults_;
  v1::ReviewResponse& response_;
  std::atomic<bool> abandoned_{false};
  WorkPool::Ticket ticket_ = 0;  // set before gRPC can cancel the call
};

grpc::ServerUnaryReactor* Service::Core::Review(grpc::CallbackServerContext* context,
                                                const v1::ReviewRequest* request,
                                                v1::ReviewResponse* response) {
  const ChatMessage& message = request->message();
  const ChatMessage::KindCase kind = message.kind_case();
  if (!CanBeJudged(*request)) {
    metrics_.CountReview(kind, Verdict::kFailed);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(
        {grpc::StatusCode::INVALID_ARGUMENT, "the message is of no kind that clients send"});
    return reactor;
  }
  JudgementPtr judgement = Now();
  std::vector<v1::Violation> violations =
      judgement->rules.Judge(message, request->decoding_violations());
  if (kind == ChatMessage::kImage && !IsAbout(violations, "image_data")) {
    auto* const review =
        new ImageReview(*this, std::move(judgement), *request, std::move(violations), *response);
    review->Start();
    return review;
  }
  if (violations.empty()) {
    Accept(*judgement, message, *response);
  } else {
    Reject(message, std::move(violations), *response);
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

// Leaves out the verdict when it can't be judged, or not without looking at an image.
void Service::Core::JudgeWords(const Judgement& judgement, const v1::ReviewRequest& request,
                               v1::ReviewResponse& response) {
  const ChatMessage& message = request.message();
  if (!CanBeJudged(request) || message.has_image()) {
    metrics_.CountReview(message.kind_case(), Verdict::kFailed);
    return;
  }
  std::vector<v1::Violation> violations =
      judgement.rules.Judge(message, request.decoding_violations());
  if (violations.empty()) {
    Accept(judgement, message, response);
  } else {
    Reject(message, std::move(violations), response);
  }
}

// The PNG in base64 of an image in base64. Fails as ImageDesk wants it.
absl::StatusOr<std::string> ImageRoom::MakeFit(std::string_view image_data,
                                               const ImageNormaliser::Abandoned& abandoned) {
  const auto began = std::chrono::steady_clock::now();
  const std::optional<std::string> bytes = DecodeBase64(image_data);
  absl::StatusOr<std::string> png = absl::InvalidArgumentError("not base64");
  if (bytes.has_value()) png = normaliser_.Normalise(*bytes, abandoned);
  metrics_.ObserveImage(absl::FromChrono(std::chrono::steady_clock::now() - began));
  if (png.ok()) return EncodeBase64(*png);
  spdlog::debug("moderation: refused an image: {}", png.status().ToString());
  return png;
}

void Service::Core::Accept(const Judgement& judgement, ChatMessage message,
                           v1::ReviewResponse& response) {
  metrics_.CountReview(message.kind_case(), Verdict::kAccepted);
  NoteVerdict(message, "accepted");
  v1::Acceptance& acceptance = *response.mutable_accepted();
  acceptance.set_stored(judgement.rules.BelongsInHistory(message));
  Complete(clock_, message);
  *acceptance.mutable_message() = std::move(message);
}

void Service::Core::Reject(const ChatMessage& message, std::vector<v1::Violation> violations,
                           v1::ReviewResponse& response) {
  metrics_.CountReview(message.kind_case(), Verdict::kRejected);
  NoteVerdict(message, "rejected");
  for (v1::Violation& violation : violations) {
    metrics_.CountViolation(violation.code());
    *response.mutable_rejected()->add_violations() = std::move(violation);
  }
}

Service::Service(const Settings& settings, const base::Clock& clock, prometheus::Registry& registry)
    : settings_(settings), core_(std::make_unique<Core>(settings, clock, registry)) {}

Service::~Service() = default;

absl::Status Service::Start() {
  return StartImageLibrary(settings_.image_workers, settings_.limits.max_image_pixels);
}

v1::ReviewBatchAnswer Service::ReviewAll(const v1::ReviewBatch& batch) {
  v1::ReviewBatchAnswer answer;
  core_->JudgeAll(batch, answer);
  return answer;
}

void Service::Apply(const Settings& settings) { core_->Apply(settings); }

void Service::EndStreams() { core_->EndStreams(); }

grpc::Service* Service::grpc_service() { return core_.get(); }

}  // namespace gischat::moderation
