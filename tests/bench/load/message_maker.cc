#include "tests/bench/load/message_maker.h"

#include <cmath>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gischat::bench {
namespace {

constexpr std::string_view kCrs = R"("crs_wkt":"","crs_authid":"EPSG:4326",)";
constexpr std::string_view kJpegStart = "\xff\xd8";
constexpr size_t kCommentBytes = 99;
constexpr size_t kBytesToCommentsEnd = kJpegStart.size() + 4 + kCommentBytes;
static_assert(kBytesToCommentsEnd % 3 == 0, "the base64 of what follows must not change");

// A field of about 300 bytes, as layers of plots and buildings are.
std::string Feature(size_t number) {
  constexpr size_t kPlotsOfRow = 100;
  const size_t row = number / kPlotsOfRow;
  const double x = 2 + 0.001 * static_cast<double>(number % kPlotsOfRow);
  const double y = 48 + 0.001 * static_cast<double>(row);
  std::string ring;
  for (const auto& [dx, dy] :
       {std::pair(0.0, 0.0), {0.0009, 0.0}, {0.0009, 0.0009}, {0.0, 0.0009}, {0.0, 0.0}}) {
    absl::StrAppendFormat(&ring, "%s[%.7f,%.7f]", ring.empty() ? "" : ",", x + dx, y + dy);
  }
  return absl::StrFormat(
      R"({"type":"Feature","id":%d,"properties":{"fid":%d,"name":"plot number %d","kind":"field",)"
      R"("owner":"somebody","area":10021.35},"geometry":{"type":"Polygon","coordinates":[[%s]]}})",
      number, number, number, ring);
}

std::string Layer(size_t features) {
  std::string text = R"({"type":"FeatureCollection","features":[)";
  for (size_t i = 0; i < features; ++i) absl::StrAppend(&text, i == 0 ? "" : ",", Feature(i));
  return text + "]}";
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || bytes.empty()) return absl::InvalidArgumentError("can't read --file " + path);
  return bytes;
}

std::string Base64(std::string_view bytes) {
  return absl::Base64Escape({bytes.data(), bytes.size()});
}

}  // namespace

std::string JpegBeginning(std::string_view words) {
  std::string bytes(kJpegStart);
  const size_t length = kCommentBytes + 2;
  bytes += {'\xff', '\xfe', static_cast<char>(length >> 8), static_cast<char>(length & 0xff)};
  std::string comment(words.substr(0, kCommentBytes));
  comment.resize(kCommentBytes, ' ');
  bytes += comment;
  return Base64(bytes);
}

absl::StatusOr<MessageMaker> MessageMaker::Create(const Options& options) {
  MessageMaker maker;
  maker.type_ = options.kind;
  maker.after_ = "\"}";
  if (options.kind == "text") {
    maker.before_ = R"("text":")";
    maker.pad_to_ = options.payload_bytes;
  } else if (options.kind == "model") {
    maker.before_ = R"("model_name":")";
    maker.after_ = absl::StrCat(R"(","model_group":null,"raw_xml":")",
                                std::string(options.payload_bytes, 'x'), "\"}");
  } else if (options.kind == "geojson") {
    maker.before_ = R"("layer_name":")";
    maker.after_ = absl::StrCat("\",", std::string(kCrs), R"("geojson":)", Layer(options.features),
                                R"(,"style":null})");
  } else {
    absl::StatusOr<std::string> file = ReadWhole(options.file);
    if (!file.ok()) return file.status();
    maker.is_jpeg_ = file->compare(0, kJpegStart.size(), kJpegStart) == 0;
    maker.after_ = Base64(maker.is_jpeg_ ? file->substr(kJpegStart.size()) : *file) + "\"}";
  }
  return maker;
}

std::string MessageMaker::Make(std::string_view stamp, uint32_t sender) const {
  const std::string words(stamp);
  std::string message =
      absl::StrCat(R"({"type":")", type_, R"(","id":"6f1f0c9e-5b1e-4c39-9d3a-2f5f8a1f7c11",)",
                   R"("timestamp":1750000000,"author":"load-)", sender, R"(","avatar":)");
  if (type_ == "image") {
    absl::StrAppend(&message, "\"", words, R"(","image_data":")",
                    is_jpeg_ ? JpegBeginning(words) : "", after_);
    return message;
  }
  absl::StrAppend(&message, "null,", before_, words);
  if (words.size() < pad_to_) message.append(pad_to_ - words.size(), 'x');
  message += after_;
  return message;
}

}  // namespace gischat::bench
