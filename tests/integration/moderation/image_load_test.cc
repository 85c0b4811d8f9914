// What a flood of large images does to the rest of the service.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

#include "tests/integration/moderation/running_service.h"
#include "tests/support/wait_until.h"
#include "tests/unit/moderation/image_fixtures.h"

namespace gischat::moderation {
namespace {

using fixtures::Encode;
using fixtures::Photo;
using tests::WaitUntil;

using Milliseconds = std::chrono::duration<double, std::milli>;

uint64_t MemoryInUse(const std::string& which) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != which + ":") continue;
    uint64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes >> 10;
  }
  return 0;
}

void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

// Each image is decoded, however often it was sent before.
Settings OneWorker() {
  Settings settings;
  settings.image_workers = 1;
  settings.image_cache_bytes = 0;
  return settings;
}

// 36 megapixels that fit the limit of the base64 text.
std::string LargeImage(const std::string& coder) {
  if (coder == "JPEG") {
    Magick::Image photo = Photo(6000, 6000);
    photo.quality(60);
    return Encode(photo, coder);
  }
  return Encode(
      fixtures::Quadrants(6000, 6000,
                          {fixtures::kRed, fixtures::kGreen, fixtures::kBlue, fixtures::kWhite}),
      coder);
}

// A call of the callback API that can be cancelled.
class PendingReview {
 public:
  PendingReview(v1::Moderation::Stub& stub, v1::ReviewRequest request)
      : request_(std::move(request)) {
    stub.async()->Review(&context_, &request_, &response_, [this](const grpc::Status& status) {
      code_ = status.error_code();
      done_ = true;
    });
  }
  ~PendingReview() {
    context_.TryCancel();
    WaitUntil([this] { return done_.load(); }, absl::Seconds(60));
  }
  void Cancel() { context_.TryCancel(); }
  bool IsDone() const { return done_; }
  grpc::StatusCode code() const { return code_; }

 private:
  grpc::ClientContext context_;
  v1::ReviewRequest request_;
  v1::ReviewResponse response_;
  std::atomic<grpc::StatusCode> code_{grpc::StatusCode::OK};
  std::atomic<bool> done_{false};
};

using Reviews = std::vector<std::unique_ptr<PendingReview>>;

Reviews SendAtOnce(size_t count, v1::Moderation::Stub& stub, const v1::ReviewRequest& request) {
  Reviews reviews(count);
  for (auto& review : reviews) review = std::make_unique<PendingReview>(stub, request);
  return reviews;
}

TEST(ImageLoad, LargeImagesTakeLittleTimeAndMemory) {
  RunningService service(OneWorker());
  const auto stub = service.NewStub();
  for (const std::string coder : {"JPEG", "PNG"}) {
    const v1::ReviewRequest request = ImageRequest(LargeImage(coder));
    ASSERT_LE(request.message().image().image_data().size(), 5'000'000U);
    ResetPeak();
    const uint64_t before = MemoryInUse("VmHWM");
    const auto began = std::chrono::steady_clock::now();
    const Answer answer = Review(*stub, request);
    const Milliseconds took = std::chrono::steady_clock::now() - began;
    const uint64_t peak = MemoryInUse("VmHWM") - before;
    std::cout << "36 Mpx " << coder << ": " << took.count() << " ms, peak " << peak << " MiB\n";
    EXPECT_TRUE(answer.response.has_accepted()) << answer.status.error_message();
    EXPECT_LT(peak, 700U);
  }
}

TEST(ImageLoad, WordsComeBackAtOnceWhileImagesAreDecoded) {
  RunningService service(OneWorker());
  std::atomic<bool> enough = false;
  std::atomic<int> images = 0;
  std::vector<std::thread> senders;
  for (const std::string coder : {"JPEG", "PNG"}) {
    senders.emplace_back([&, request = ImageRequest(LargeImage(coder))] {
      const auto stub = service.NewStub();
      while (!enough) {
        if (Review(*stub, request).response.has_accepted()) ++images;
      }
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return images > 0; }, absl::Seconds(60)));
  const int images_before = images;
  const auto stub = service.NewStub();
  std::vector<double> latencies;
  const auto ends = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (std::chrono::steady_clock::now() < ends) {
    const auto began = std::chrono::steady_clock::now();
    const Answer answer = Review(*stub, TextRequest("hello"));
    latencies.push_back(Milliseconds(std::chrono::steady_clock::now() - began).count());
    ASSERT_TRUE(answer.response.has_accepted());
  }
  enough = true;
  for (std::thread& sender : senders) sender.join();
  std::sort(latencies.begin(), latencies.end());
  const double median = latencies[latencies.size() / 2];
  const double p99 = latencies[latencies.size() * 99 / 100];
  std::cout << latencies.size() << " texts beside " << images - images_before
            << " images of 36 Mpx: median " << median << " ms, p99 " << p99 << " ms, worst "
            << latencies.back() << " ms\n";
  EXPECT_GT(images, images_before);
  EXPECT_LT(median, 50);
  EXPECT_LT(p99, 250);
}

TEST(ImageLoad, RefusesMoreImagesThanItHolds) {
  Settings settings = OneWorker();
  settings.image_queue = 2;
  RunningService service(settings);
  const auto stub = service.NewStub();
  const v1::ReviewRequest large = ImageRequest(LargeImage("PNG"));
  const Reviews reviews = SendAtOnce(8, *stub, large);
  const auto count = [&](grpc::StatusCode code) {
    return std::count_if(reviews.begin(), reviews.end(), [&](const auto& review) {
      return review->IsDone() && review->code() == code;
    });
  };
  ASSERT_TRUE(WaitUntil([&] { return count(grpc::StatusCode::RESOURCE_EXHAUSTED) >= 5; }));
  EXPECT_GE(service.Metric("gischat_moderation_images_refused_total{reason=\"queue_full\"}"), 5);
  EXPECT_TRUE(Review(*stub, TextRequest("still here")).response.has_accepted());
  ASSERT_TRUE(WaitUntil([&] { return count(grpc::StatusCode::OK) >= 2; }, absl::Seconds(60)));
  ASSERT_TRUE(
      WaitUntil([&] { return Review(*stub, large).response.has_accepted(); }, absl::Seconds(60)));
}

TEST(ImageLoad, DropsImagesThatNobodyWaitsFor) {
  RunningService service(OneWorker());
  const auto stub = service.NewStub();
  const v1::ReviewRequest large = ImageRequest(LargeImage("PNG"));
  const Reviews reviews = SendAtOnce(6, *stub, large);
  const std::string waiting = "gischat_moderation_images_waiting";
  ASSERT_TRUE(WaitUntil([&] { return service.Metric(waiting) >= 4; }));
  for (const auto& review : reviews) review->Cancel();
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(WaitUntil([&] { return service.Metric(waiting) == 0; }));
  EXPECT_GE(service.Metric("gischat_moderation_images_refused_total{reason=\"cancelled\"}"), 4);
  // The worker has not decoded them: a small one gets its turn long before six large ones are done.
  const Answer small = Review(*stub, ImageRequest(Encode(Photo(20, 20), "PNG")));
  EXPECT_TRUE(small.response.has_accepted());
  const Milliseconds took = std::chrono::steady_clock::now() - began;
  std::cout << "free again after " << took.count() << " ms\n";
  EXPECT_EQ(service.Metric("gischat_moderation_reviews_total{kind=\"image\",verdict=\"accepted\"}"),
            1);
}

TEST(ImageLoad, DropsImagesWhoseDeadlineHasPassed) {
  RunningService service(OneWorker());
  const auto stub = service.NewStub();
  const v1::ReviewRequest large = ImageRequest(LargeImage("PNG"));
  const PendingReview first(*stub, large);
  const Answer late = Review(*stub, large, absl::Milliseconds(100));
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(WaitUntil([&] {
    return service.Metric("gischat_moderation_reviews_total{kind=\"image\",verdict=\"failed\"}") ==
           1;
  }));
}

TEST(ImageLoad, GoesOnWithAnImageThatSomebodyElseStillWaitsFor) {
  Settings settings;
  settings.image_workers = 2;
  RunningService service(settings);
  const auto stub = service.NewStub();
  const v1::ReviewRequest large = ImageRequest(LargeImage("PNG"));
  PendingReview first(*stub, large);
  const auto images = [&](const std::string& source) {
    return service.Metric("gischat_moderation_images_total{source=\"" + source + "\"}");
  };
  ASSERT_TRUE(WaitUntil([&] { return images("decoded") == 1; }));
  PendingReview second(*stub, large);
  PendingReview third(*stub, large);
  ASSERT_TRUE(WaitUntil([&] { return images("shared") == 2; }));
  first.Cancel();
  third.Cancel();
  ASSERT_TRUE(WaitUntil([&] { return second.IsDone(); }, absl::Seconds(60)));
  EXPECT_EQ(first.code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(second.code(), grpc::StatusCode::OK);
  EXPECT_EQ(third.code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(service.Metric("gischat_moderation_image_seconds_count"), 1);
}

TEST(ImageLoad, EndsWhileImagesAreDecoded) {
  auto service = std::make_unique<RunningService>(OneWorker());
  const v1::ReviewRequest large = ImageRequest(LargeImage("PNG"));
  const auto stub = service->NewStub();
  const Reviews reviews = SendAtOnce(4, *stub, large);
  ASSERT_TRUE(WaitUntil([&] { return service->Metric("gischat_moderation_images_waiting") >= 2; }));
  service->server().Shutdown(absl::Milliseconds(50));
  service.reset();
  for (const auto& review : reviews) {
    EXPECT_TRUE(WaitUntil([&] { return review->IsDone(); }));
    EXPECT_NE(review->code(), grpc::StatusCode::OK);
  }
}

TEST(ImageLoad, MemoryStaysFlat) {
  RunningService service(OneWorker());
  const auto stub = service.NewStub();
  std::vector<v1::ReviewRequest> requests;
  for (const std::string coder : {"PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"}) {
    requests.push_back(ImageRequest(Encode(Photo(850, 600), coder)));
  }
  const auto send = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(Review(*stub, requests[i % requests.size()]).response.has_accepted());
    }
  };
  send(30);
  const uint64_t before = MemoryInUse("VmRSS");
  send(100);
  const uint64_t after = MemoryInUse("VmRSS");
  std::cout << "memory in use: " << before << " MiB, 100 images later " << after << " MiB\n";
  EXPECT_LT(after, before + 24);
}

}  // namespace
}  // namespace gischat::moderation
