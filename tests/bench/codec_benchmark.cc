// What the edge spends on a message before and after the services have seen it: JSON in, JSON out.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <variant>

#include "edge/codec/frame.h"
#include "edge/codec/json_document.h"
#include "edge/codec/message_decoder.h"
#include "edge/codec/message_encoder.h"

namespace gischat::edge::codec {
namespace {

std::string TextJson() {
  return R"({"type":"text","id":"6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa","timestamp":1760000000,)"
         R"("author":"cartographer","avatar":"mIconPoint.svg",)"
         R"("text":"The river is on the wrong side of the road, see tile 14/8362/5956."})";
}

std::string ImageJson(size_t bytes) {
  return R"({"type":"image","author":"cartographer","avatar":null,"image_data":")" +
         std::string(bytes, 'A') + "\"}";
}

std::string LayerJson(int64_t features) {
  std::string json = R"({"type":"geojson","author":"cartographer","avatar":null,)"
                     R"("layer_name":"Rivers","crs_wkt":"GEOGCRS[\"WGS 84\"]",)"
                     R"("crs_authid":"EPSG:4326","style":null,)"
                     R"("geojson":{"type":"FeatureCollection","features":[)";
  for (int64_t i = 0; i < features; ++i) {
    if (i > 0) json += ", ";
    json += R"({ "type": "Feature", "properties": { "name": "Rhône", "id": )" + std::to_string(i) +
            R"( }, "geometry": { "type": "LineString", "coordinates": )"
            R"([[4.835659, 45.764043], [4.8410203, 45.7578137], [4.85, 45.749]] } })";
  }
  return json + "]}}";
}

chat::v1::ChatMessage Decode(const std::string& json) {
  return DecodeMessage(std::get<JsonDocument>(ParseJson(json)), Api::kChannels).message;
}

void CountBytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

void RunDecode(benchmark::State& state, const std::string& json) {
  while (state.KeepRunning()) benchmark::DoNotOptimize(Decode(json));
  CountBytes(state, json.size());
}

void RunEncode(benchmark::State& state, const std::string& json, Shape shape) {
  const chat::v1::ChatMessage message = Decode(json);
  size_t bytes = 0;
  while (state.KeepRunning()) {
    SharedBytes frame = MakeTextFrame(*EncodeMessage(message, shape));
    bytes = frame->size();
    benchmark::DoNotOptimize(frame);
  }
  CountBytes(state, bytes);
}

void DecodeText(benchmark::State& state) { RunDecode(state, TextJson()); }
BENCHMARK(DecodeText);

void DecodeImage(benchmark::State& state) {
  RunDecode(state, ImageJson(static_cast<size_t>(state.range(0))));
}
BENCHMARK(DecodeImage)->Arg(100'000)->Arg(5'000'000);

void DecodeLayer(benchmark::State& state) { RunDecode(state, LayerJson(state.range(0))); }
BENCHMARK(DecodeLayer)->Arg(1)->Arg(500);

void EncodeText(benchmark::State& state) {
  RunEncode(state, TextJson(), static_cast<Shape>(state.range(0)));
}
BENCHMARK(EncodeText)
    ->Arg(static_cast<int64_t>(Shape::kRooms))
    ->Arg(static_cast<int64_t>(Shape::kChannels))
    ->Arg(static_cast<int64_t>(Shape::kReplies));

void EncodeImage(benchmark::State& state) {
  RunEncode(state, ImageJson(static_cast<size_t>(state.range(0))), Shape::kChannels);
}
BENCHMARK(EncodeImage)->Arg(100'000)->Arg(5'000'000);

void EncodeLayer(benchmark::State& state) {
  RunEncode(state, LayerJson(state.range(0)), Shape::kChannels);
}
BENCHMARK(EncodeLayer)->Arg(1)->Arg(500);

}  // namespace
}  // namespace gischat::edge::codec
