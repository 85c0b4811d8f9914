#include "tests/bench/load/message_maker.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "tests/support/temporary_folder.h"

namespace gischat::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kStamp = "@0123456789abcdef:3:77:123456789012345:";

Options Of(const std::string& kind, size_t payload_bytes, const std::string& file = "") {
  Options options;
  options.kind = kind;
  options.payload_bytes = payload_bytes;
  options.file = file;
  return options;
}

std::string Make(const Options& options) {
  const auto maker = MessageMaker::Create(options);
  EXPECT_TRUE(maker.ok()) << maker.status();
  return maker->Make(kStamp, 3);
}

std::string KeysOf(const Json& message) {
  std::string keys;
  for (const auto& [key, value] : message.items()) keys += key + " ";
  return keys;
}

TEST(MessageMaker, WritesTextsLikeTheServerDelivers) {
  const Json message = Json::parse(Make(Of("text", 0)));
  EXPECT_EQ(KeysOf(message), "type id timestamp author avatar text ");
  EXPECT_EQ(message["text"], kStamp);
}

TEST(MessageMaker, FillsATextUpToThePayload) {
  const Json message = Json::parse(Make(Of("text", kLongestText)));
  EXPECT_EQ(message["text"].get<std::string>().size(), kLongestText);
}

TEST(MessageMaker, PutsThePayloadOfAModelBehindTheStamp) {
  const Json message = Json::parse(Make(Of("model", 5000)));
  EXPECT_EQ(KeysOf(message), "type id timestamp author avatar model_name model_group raw_xml ");
  EXPECT_EQ(message["raw_xml"].get<std::string>().size(), 5000U);
  EXPECT_EQ(message["model_name"], kStamp);
}

TEST(MessageMaker, MakesALayerOfFeaturesOfThreeHundredBytes) {
  const std::string text = Make(Of("geojson", 0));
  const Json message = Json::parse(text);
  EXPECT_EQ(KeysOf(message),
            "type id timestamp author avatar layer_name crs_wkt crs_authid geojson style ");
  EXPECT_EQ(message["geojson"]["features"].size(), 500U);
  EXPECT_NEAR(static_cast<double>(text.size()), 150e3, 10e3);
}

TEST(MessageMaker, PutsTheStampWhereItIsFoundInTheBeginning) {
  for (const char* kind : {"text", "model", "geojson"}) {
    const std::string text = Make(Of(kind, 2000));
    EXPECT_LT(text.find(kStamp), 400U) << kind;
  }
}

TEST(MessageMaker, GivesEachJpegACommentOfItsOwn) {
  const tests::TemporaryFolder folder("gischat-load");
  const std::string path = folder.path() + "/picture.jpg";
  const std::string rest = "\xff\xe0 the rest of the picture \xff\xd9";
  std::ofstream(path, std::ios::binary) << "\xff\xd8" << rest;
  const Json message = Json::parse(Make(Of("image", 0, path)));
  EXPECT_EQ(message["avatar"], kStamp);
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(message["image_data"].get<std::string>(), &bytes));
  EXPECT_EQ(bytes.substr(0, 6), std::string("\xff\xd8\xff\xfe\x00\x65", 6));
  EXPECT_EQ(bytes.substr(6, std::string(kStamp).size()), kStamp);
  EXPECT_EQ(bytes.substr(2 + 2 + 0x65), rest);
}

TEST(MessageMaker, SaysThatItCanNotReadAFile) {
  EXPECT_FALSE(MessageMaker::Create(Of("image", 0, "/nowhere")).ok());
}

}  // namespace
}  // namespace gischat::bench
