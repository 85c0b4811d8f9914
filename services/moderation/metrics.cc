#include "services/moderation/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

#include "absl/strings/ascii.h"
#include "services/moderation/rules.h"

namespace gischat::moderation {

using chat::v1::ChatMessage;

Metrics::Metrics(prometheus::Registry& registry) {
  auto& reviews = prometheus::BuildCounter()
                      .Name("gischat_moderation_reviews_total")
                      .Help("Messages that were judged.")
                      .Register(registry);
  for (size_t number = 0; number < kKinds; ++number) {
    const auto kind = static_cast<ChatMessage::KindCase>(number);
    if (!IsFromClients(kind) && kind != ChatMessage::KIND_NOT_SET) continue;
    const std::string name(KindName(kind));
    if (number != 0 && name == "none") continue;
    size_t verdict = 0;
    for (const char* word : {"accepted", "rejected", "failed"}) {
      reviews_[number][verdict++] = &reviews.Add({{"kind", name}, {"verdict", word}});
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
  image_seconds_ =
      &prometheus::BuildHistogram()
           .Name("gischat_moderation_image_seconds")
           .Help("Time from taking an image up to its verdict.")
           .Register(registry)
           .Add({}, prometheus::Histogram::BucketBoundaries{0.01, 0.03, 0.1, 0.3, 1, 3, 10});
  waiting_ = &prometheus::BuildGauge()
                  .Name("gischat_moderation_images_waiting")
                  .Help("Images that wait for a worker.")
                  .Register(registry)
                  .Add({});
}

void Metrics::CountReview(ChatMessage::KindCase kind, Verdict verdict) {
  const auto number = static_cast<size_t>(kind);
  prometheus::Counter* const counter = reviews_[number][static_cast<size_t>(verdict)];
  if (counter != nullptr) counter->Increment();
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

void Metrics::ObserveImage(absl::Duration took) {
  image_seconds_->Observe(absl::ToDoubleSeconds(took));
}

void Metrics::ImageBeginsToWait() { waiting_->Increment(); }

void Metrics::ImageEndsToWait() { waiting_->Decrement(); }

}  // namespace gischat::moderation
