#include "services/moderation/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/metrics/latency_buckets.h"
#include "services/moderation/rules.h"

namespace gischat::moderation {

using chat::v1::ChatMessage;

namespace {

// Those that clients send, and none.
std::vector<ChatMessage::KindCase> JudgedKinds() {
  std::vector<ChatMessage::KindCase> kinds = {ChatMessage::KIND_NOT_SET};
  const auto* const oneof = ChatMessage::descriptor()->FindOneofByName("kind");
  for (int i = 0; i < oneof->field_count(); ++i) {
    const auto kind = static_cast<ChatMessage::KindCase>(oneof->field(i)->number());
    if (IsFromClients(kind)) kinds.push_back(kind);
  }
  return kinds;
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry) {
  auto& reviews = prometheus::BuildCounter()
                      .Name("gischat_moderation_reviews_total")
                      .Help("Messages that were judged.")
                      .Register(registry);
  for (const ChatMessage::KindCase kind : JudgedKinds()) {
    size_t verdict = 0;
    for (const char* word : {"accepted", "rejected", "failed"}) {
      reviews_[kind][verdict++] =
          &reviews.Add({{"kind", std::string(KindName(kind))}, {"verdict", word}});
    }
  }
  auto& violations = prometheus::BuildCounter()
                         .Name("gischat_moderation_violations_total")
                         .Help("Faults found in messages.")
                         .Register(registry);
  for (int code = 1; code < v1::Violation::Code_ARRAYSIZE; ++code) {
    const std::string name = v1::Violation::Code_Name(code);
    violations_[static_cast<size_t>(code)] =
        &violations.Add({{"code", absl::AsciiStrToLower(name)}});
  }
  auto& refusals = prometheus::BuildCounter()
                       .Name("gischat_moderation_images_refused_total")
                       .Help("Images that were turned away without having been looked at.")
                       .Register(registry);
  size_t refusal = 0;
  for (const char* word : {"queue_full", "waited_too_long", "cancelled"}) {
    refusals_[refusal++] = &refusals.Add({{"reason", word}});
  }
  auto& images = prometheus::BuildCounter()
                     .Name("gischat_moderation_images_total")
                     .Help("Images that were looked at, by where their outcome came from.")
                     .Register(registry);
  size_t source = 0;
  for (const char* word : {"decoded", "kept", "shared"}) {
    images_[source++] = &images.Add({{"source", word}});
  }
  image_seconds_ = &prometheus::BuildHistogram()
                        .Name("gischat_moderation_image_seconds")
                        .Help("Time that it takes to decode an image and make it fit.")
                        .Register(registry)
                        .Add({}, metrics::LatencyBuckets());
  waiting_ = &prometheus::BuildGauge()
                  .Name("gischat_moderation_images_waiting")
                  .Help("Images that wait for a worker.")
                  .Register(registry)
                  .Add({});
  cache_bytes_ = &prometheus::BuildGauge()
                      .Name("gischat_moderation_image_cache_bytes")
                      .Help("Outcomes of images that are kept in case they come again.")
                      .Register(registry)
                      .Add({});
}

void Metrics::CountReview(ChatMessage::KindCase kind, Verdict verdict) {
  const auto counters = reviews_.find(IsFromClients(kind) ? kind : ChatMessage::KIND_NOT_SET);
  if (counters != reviews_.end()) {
    counters->second[static_cast<size_t>(verdict)]->Increment();
  }
}

void Metrics::CountViolation(v1::Violation::Code code) {
  // The decoder's faults come from another process, which may know newer codes.
  const auto number = static_cast<size_t>(code);
  if (number < violations_.size() && violations_[number] != nullptr) {
    violations_[number]->Increment();
  }
}

void Metrics::CountRefusal(Refusal refusal) {
  refusals_[static_cast<size_t>(refusal)]->Increment();
}

void Metrics::CountImage(ImageSource source) { images_[static_cast<size_t>(source)]->Increment(); }

void Metrics::ObserveImage(absl::Duration took) {
  image_seconds_->Observe(absl::ToDoubleSeconds(took));
}

void Metrics::SetImageCacheBytes(size_t bytes) { cache_bytes_->Set(static_cast<double>(bytes)); }

void Metrics::ImageBeginsToWait() { waiting_->Increment(); }

void Metrics::ImageEndsToWait() { waiting_->Decrement(); }

}  // namespace gischat::moderation
