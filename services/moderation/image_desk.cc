#include "services/moderation/image_desk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "services/moderation/metrics.h"

namespace gischat::moderation {
namespace {

bool NobodyWants(const std::vector<ImageDesk::Customer>& customers) {
  return std::all_of(customers.begin(), customers.end(), [](const ImageDesk::Customer& customer) {
    return customer.abandoned->load();
  });
}

// What customers are told.
absl::StatusOr<ImageOutcome> OutcomeOf(absl::StatusOr<std::string> png) {
  if (absl::IsCancelled(png.status())) return png.status();
  return std::make_shared<const std::string>(png.ok() ? *std::move(png) : std::string());
}

bool IsForEver(const absl::Status& status) {
  return status.ok() || absl::IsInvalidArgument(status);
}

}  // namespace

ImageDesk::ImageDesk(const Bounds& bounds, Worker work, Metrics& metrics)
    : bounds_(bounds), work_(std::move(work)), metrics_(metrics), cache_(bounds.cache_bytes) {}

void ImageDesk::Take(Customer customer) {
  const std::string_view image_data = customer.image_data;
  const std::optional<Sha256Digest> digest =
      bounds_.cache_bytes > 0 ? Sha256(image_data) : std::nullopt;
  if (!digest.has_value()) {
    const auto abandoned = [&] { return customer.abandoned->load(); };
    return std::move(customer.done)(OutcomeOf(Work(image_data, abandoned)));
  }
  ImageOutcome kept;
  switch (Place(*digest, customer, &kept)) {
    case Placed::kFirst:
      return Serve(*digest, image_data);
    case Placed::kWithOthers:
      return metrics_.CountImage(ImageSource::kShared);
    case Placed::kRefused:
      return std::move(customer.done)(
          absl::ResourceExhaustedError("too many wait for the same image"));
    case Placed::kServed:
      metrics_.CountImage(ImageSource::kKept);
      return std::move(customer.done)(std::move(kept));
  }
}

ImageDesk::Placed ImageDesk::Place(const Sha256Digest& digest, Customer& customer,
                                   ImageOutcome* kept) {
  const std::lock_guard lock(mutex_);
  *kept = cache_.Find(digest);
  if (*kept != nullptr) return Placed::kServed;
  Customers& customers = orders_[digest];
  if (customers.empty()) {
    customers.push_back(std::move(customer));
    return Placed::kFirst;
  }
  const size_t bytes = customer.image_data.size();
  if (waiting_ >= bounds_.waiting || waiting_bytes_ + bytes > bounds_.waiting_bytes) {
    return Placed::kRefused;
  }
  ++waiting_;
  waiting_bytes_ += bytes;
  customers.push_back(std::move(customer));
  return Placed::kWithOthers;
}

void ImageDesk::Serve(const Sha256Digest& digest, std::string_view image_data) {
  const auto abandoned = [&] {
    const std::lock_guard lock(mutex_);
    return NobodyWants(orders_.at(digest));
  };
  for (;;) {
    absl::StatusOr<std::string> png = Work(image_data, abandoned);
    const bool keep = IsForEver(png.status());
    const absl::StatusOr<ImageOutcome> outcome = OutcomeOf(std::move(png));
    Customers customers;
    {
      const std::lock_guard lock(mutex_);
      // Somebody may have come after the work was given up.
      if (!outcome.ok() && !NobodyWants(orders_.at(digest))) continue;
      if (keep) cache_.Keep(digest, *outcome);
      metrics_.SetImageCacheBytes(cache_.bytes());
      customers = TakeOut(digest);
    }
    for (Customer& customer : customers) std::move(customer.done)(outcome);
    return;
  }
}

absl::StatusOr<std::string> ImageDesk::Work(std::string_view image_data,
                                            const Abandoned& abandoned) {
  metrics_.CountImage(ImageSource::kDecoded);
  return work_(image_data, abandoned);
}

ImageDesk::Customers ImageDesk::TakeOut(const Sha256Digest& digest) {
  Customers customers = std::move(orders_.extract(digest).mapped());
  waiting_ -= customers.size() - 1;
  for (size_t i = 1; i < customers.size(); ++i) waiting_bytes_ -= customers[i].image_data.size();
  return customers;
}

}  // namespace gischat::moderation
