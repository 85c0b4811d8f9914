#include "services/moderation/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/integration/moderation/running_service.h"
#include "tests/unit/moderation/image_fixtures.h"

namespace gischat::moderation {
namespace {

using fixtures::Encode;
using fixtures::Photo;

class ModerationService : public testing::Test {
 protected:
  Answer Judge(const v1::ReviewRequest& request) { return Review(*stub_, request); }

  RunningService service_;
  std::unique_ptr<v1::Moderation::Stub> stub_ = service_.NewStub();
};

TEST_F(ModerationService, FillsInWhatIsMissing) {
  const auto [status, response] = Judge(TextRequest("hello"));
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto& message = response.accepted().message();
  EXPECT_EQ(message.id().size(), 36U);
  EXPECT_EQ(message.timestamp(), absl::ToUnixSeconds(service_.clock().Now()));
  EXPECT_EQ(message.text().author(), "ada");
  EXPECT_EQ(message.text().text(), "hello");
  EXPECT_FALSE(message.text().has_avatar());
  EXPECT_TRUE(response.accepted().stored());
}

TEST_F(ModerationService, KeepsWhatTheClientGave) {
  v1::ReviewRequest request = TextRequest("wizz");
  request.mutable_message()->set_id("00000000-0000-4000-8000-000000000001");
  request.mutable_message()->set_timestamp(0);
  request.mutable_message()->set_in_reply_to_id("00000000-0000-4000-8000-000000000002");
  request.mutable_message()->mutable_text()->set_avatar("");
  const auto [status, response] = Judge(request);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(response.accepted().message().SerializeAsString(),
            request.message().SerializeAsString());
  EXPECT_FALSE(response.accepted().stored()) << "a cheat code";
}

TEST_F(ModerationService, GivesNewcomersAlwaysANewIdentity) {
  v1::ReviewRequest request;
  request.mutable_message()->mutable_newcomer()->set_newcomer("ada");
  request.mutable_message()->set_id("00000000-0000-4000-8000-000000000001");
  request.mutable_message()->set_timestamp(7);
  const auto [status, response] = Judge(request);
  ASSERT_TRUE(status.ok());
  EXPECT_NE(response.accepted().message().id(), request.message().id());
  EXPECT_EQ(response.accepted().message().timestamp(), absl::ToUnixSeconds(service_.clock().Now()));
  EXPECT_FALSE(response.accepted().stored());
}

TEST_F(ModerationService, RejectsInWords) {
  v1::ReviewRequest request = TextRequest(std::string(300, 'x'));
  request.mutable_message()->mutable_text()->set_author("chri$tian");
  const auto [status, response] = Judge(request);
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(response.rejected().violations_size(), 2);
  EXPECT_EQ(response.rejected().violations(0).words(),
            "author: only letters, digits, '_' and '-' (you sent 'chri$tian')");
  EXPECT_EQ(response.rejected().violations(1).words(),
            "text: at most 255 characters (you sent 300)");
  EXPECT_EQ(service_.Metric("gischat_moderation_reviews_total{kind=\"text\",verdict=\"rejected\"}"),
            1);
  EXPECT_EQ(service_.Metric("gischat_moderation_violations_total{code=\"bad_characters\"}"), 1);
  EXPECT_EQ(service_.Metric("gischat_moderation_violations_total{code=\"too_long\"}"), 1);
}

TEST_F(ModerationService, TakesOnlyKindsThatClientsSend) {
  v1::ReviewRequest request;
  EXPECT_EQ(Judge(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_message()->mutable_exiter();
  EXPECT_EQ(Judge(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_message()->mutable_nb_users();
  EXPECT_EQ(Judge(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_message()->mutable_uncompliant();
  EXPECT_EQ(Judge(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(service_.Metric("gischat_moderation_reviews_total{kind=\"none\",verdict=\"failed\"}"),
            4);
}

TEST_F(ModerationService, RejectsWhatTheDecoderCouldNotEvenName) {
  v1::ReviewRequest request;
  request.add_decoding_violations()->set_code(v1::Violation::UNKNOWN_TYPE);
  const auto [status, response] = Judge(request);
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(response.rejected().violations_size(), 1);
  EXPECT_EQ(response.rejected().violations(0).code(), v1::Violation::UNKNOWN_TYPE);
}

TEST_F(ModerationService, MakesImagesFit) {
  v1::ReviewRequest request = ImageRequest(Encode(Photo(1200, 800), "JPEG"));
  request.mutable_message()->set_id("00000000-0000-4000-8000-000000000001");
  request.mutable_message()->set_timestamp(5);
  request.mutable_message()->set_in_reply_to_id("00000000-0000-4000-8000-000000000002");
  request.mutable_message()->mutable_image()->set_avatar("cat");
  const auto [status, response] = Judge(request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  chat::v1::ChatMessage message = response.accepted().message();
  EXPECT_TRUE(response.accepted().stored());
  const auto png = DecodeBase64(message.image().image_data());
  ASSERT_TRUE(png.has_value());
  const Magick::Image image = fixtures::DecodePng(*png);
  EXPECT_EQ(image.columns(), 800U);
  EXPECT_EQ(image.rows(), 533U);
  message.mutable_image()->set_image_data(request.message().image().image_data());
  EXPECT_EQ(message.SerializeAsString(), request.message().SerializeAsString());
  EXPECT_EQ(service_.Metric("gischat_moderation_image_seconds_count"), 1);
}

TEST_F(ModerationService, RefusesBrokenImagesInTheKnownWords) {
  const std::string file = Encode(Photo(120, 80), "JPEG");
  v1::ReviewRequest not_base64 = ImageRequest(file);
  not_base64.mutable_message()->mutable_image()->mutable_image_data()->insert(4, "\n");
  for (const auto& request : {ImageRequest(file.substr(0, file.size() / 2)), ImageRequest("<svg/>"),
                              ImageRequest(""), not_base64}) {
    const auto [status, response] = Judge(request);
    ASSERT_TRUE(status.ok());
    ASSERT_EQ(response.rejected().violations_size(), 1);
    EXPECT_EQ(response.rejected().violations(0).code(), v1::Violation::BAD_IMAGE);
    EXPECT_EQ(response.rejected().violations(0).words(), "Invalid or oversized image data.");
  }
}

TEST_F(ModerationService, TellsABrokenImageTogetherWithOtherFaults) {
  const std::string file = Encode(Photo(120, 80), "JPEG");
  for (const bool broken : {false, true}) {
    v1::ReviewRequest request = ImageRequest(broken ? file.substr(0, file.size() / 2) : file);
    request.mutable_message()->mutable_image()->set_author("a");
    const auto [status, response] = Judge(request);
    ASSERT_TRUE(status.ok());
    ASSERT_EQ(response.rejected().violations_size(), broken ? 2 : 1);
    EXPECT_EQ(response.rejected().violations(0).field(), "author");
    if (!broken) continue;
    EXPECT_EQ(response.rejected().violations(1).code(), v1::Violation::BAD_IMAGE);
  }
}

TEST_F(ModerationService, DecodesTheSameImageOnce) {
  const std::string file = Encode(Photo(1200, 800), "JPEG");
  const Answer first = Judge(ImageRequest(file));
  v1::ReviewRequest request = ImageRequest(file);
  request.mutable_message()->mutable_image()->set_author("bob");
  const Answer second = Judge(request);
  ASSERT_TRUE(first.response.has_accepted());
  ASSERT_TRUE(second.response.has_accepted());
  const chat::v1::ChatMessage& message = second.response.accepted().message();
  EXPECT_EQ(message.image().image_data(), first.response.accepted().message().image().image_data());
  EXPECT_EQ(message.image().author(), "bob");
  EXPECT_NE(message.id(), first.response.accepted().message().id());

  const v1::ReviewRequest broken = ImageRequest(file.substr(0, file.size() / 2));
  EXPECT_EQ(Judge(broken).response.rejected().violations_size(), 1);
  request = broken;
  request.mutable_message()->mutable_image()->set_author("b");
  EXPECT_EQ(Judge(request).response.rejected().violations_size(), 2);

  EXPECT_EQ(service_.Metric("gischat_moderation_image_seconds_count"), 2);
  EXPECT_EQ(service_.Metric("gischat_moderation_images_total{source=\"kept\"}"), 2);
  EXPECT_GT(service_.Metric("gischat_moderation_image_cache_bytes"),
            static_cast<double>(message.image().image_data().size()));
}

TEST_F(ModerationService, JudgesManyAtOnce) {
  const std::string file = Encode(Photo(300, 200), "PNG");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients(8);
  for (size_t client = 0; client < clients.size(); ++client) {
    clients[client] = std::thread([&, client] {
      const auto stub = service_.NewStub();
      for (int round = 0; round < 40; ++round) {
        const std::string text = absl::StrCat("words ", client, " ", round);
        const Answer words = Review(*stub, TextRequest(text));
        if (words.response.accepted().message().text().text() != text) ++wrong;
        if (round % 10 != 0) continue;
        const Answer image = Review(*stub, ImageRequest(file));
        if (!image.response.accepted().message().has_image()) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(service_.Metric("gischat_moderation_reviews_total{kind=\"text\",verdict=\"accepted\"}"),
            320);
  EXPECT_EQ(
      service_.Metric("gischat_moderation_reviews_total{kind=\"image\",verdict=\"accepted\"}"), 32);
  EXPECT_EQ(service_.Metric("gischat_moderation_images_waiting"), 0);
}

TEST_F(ModerationService, GoesByOtherSettingsFromTheMomentTheyAreApplied) {
  Settings settings;
  settings.limits.max_message_length = 5;
  settings.limits.max_image_size = 10;
  settings.cheatcodes = {"abc"};
  const v1::ReviewRequest photo = ImageRequest(Encode(Photo(40, 20), "PNG"));
  const auto size_of = [&](const Answer& answer) {
    const auto bytes = DecodeBase64(answer.response.accepted().message().image().image_data());
    return bytes ? Magick::Image(Magick::Blob(bytes->data(), bytes->size())).columns() : 0;
  };
  EXPECT_EQ(size_of(Judge(photo)), 40u);
  EXPECT_TRUE(Judge(TextRequest("abc")).response.accepted().stored());
  EXPECT_TRUE(Judge(TextRequest("longer")).response.has_accepted());
  service_.Apply(settings);
  EXPECT_TRUE(Judge(TextRequest("longer")).response.has_rejected());
  EXPECT_FALSE(Judge(TextRequest("abc")).response.accepted().stored());
  EXPECT_EQ(size_of(Judge(photo)), 10u) << "an outcome that was kept of another size";
  service_.Apply({});
  EXPECT_EQ(size_of(Judge(photo)), 40u);
}

TEST_F(ModerationService, PassesTheTraceOfAMessageOn) {
  for (v1::ReviewRequest request :
       {TextRequest("hello"), ImageRequest(Encode(Photo(4, 2), "PNG"))}) {
    request.mutable_message()->mutable_trace()->set_request(7);
    EXPECT_EQ(Judge(request).response.accepted().message().trace().request(), 7u);
  }
}

}  // namespace
}  // namespace gischat::moderation
