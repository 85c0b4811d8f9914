#include "tests/bench/load/tally.h"

#include <algorithm>

namespace gischat::bench {

using Json = nlohmann::json;

// Found by the library through the namespace of their argument.
void to_json(Json& json, const Histogram& histogram) {
  json = Json::array({histogram.counts(), histogram.max()});
}

void from_json(const Json& json, Histogram& histogram) {
  histogram = Histogram::FromCounts(json.at(0).get<Histogram::Counts>(), json.at(1).get<int64_t>());
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Balance, doubled, misordered, misrouted, open, missing, orders)

namespace {

void TakeFirst(std::string& ours, const std::string& other) {
  if (ours.empty()) ours = other;
}

// 0 stands for never.
int64_t Earlier(int64_t a, int64_t b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

template <typename Field>
void ForEachField(Field&& field) {
  field("connect_seconds", &Tally::connect_seconds);
  field("sent", &Tally::sent);
  field("deliveries", &Tally::deliveries);
  field("bytes_received", &Tally::bytes_received);
  field("latency_ns", &Tally::latency_ns);
  field("round_trip_ns", &Tally::round_trip_ns);
  field("late_ns", &Tally::late_ns);
  field("balance", &Tally::balance);
  field("refusals", &Tally::refusals);
  field("first_refusal", &Tally::first_refusal);
  field("closed", &Tally::closed);
  field("stalled", &Tally::stalled);
  field("stalled_cut", &Tally::stalled_cut);
  field("newcomers_lost", &Tally::newcomers_lost);
  field("newcomers_doubled", &Tally::newcomers_doubled);
  field("newcomers_misrouted", &Tally::newcomers_misrouted);
  field("joined", &Tally::joined);
  field("join_failures", &Tally::join_failures);
  field("first_join_failure", &Tally::first_join_failure);
  field("join_ns", &Tally::join_ns);
  field("joins_from_ns", &Tally::joins_from_ns);
  field("joins_until_ns", &Tally::joins_until_ns);
  field("cpu_seconds", &Tally::cpu_seconds);
}

}  // namespace

void Tally::Add(const Tally& other) {
  for (const auto field :
       {&Tally::sent, &Tally::deliveries, &Tally::bytes_received, &Tally::refusals, &Tally::closed,
        &Tally::stalled, &Tally::stalled_cut, &Tally::newcomers_lost, &Tally::newcomers_doubled,
        &Tally::newcomers_misrouted, &Tally::joined, &Tally::join_failures}) {
    this->*field += other.*field;
  }
  for (const auto histogram :
       {&Tally::latency_ns, &Tally::round_trip_ns, &Tally::late_ns, &Tally::join_ns}) {
    (this->*histogram).Add(other.*histogram);
  }
  connect_seconds = std::max(connect_seconds, other.connect_seconds);
  balance.Add(other.balance);
  TakeFirst(first_refusal, other.first_refusal);
  TakeFirst(first_join_failure, other.first_join_failure);
  joins_from_ns = Earlier(joins_from_ns, other.joins_from_ns);
  joins_until_ns = std::max(joins_until_ns, other.joins_until_ns);
  cpu_seconds.insert(cpu_seconds.end(), other.cpu_seconds.begin(), other.cpu_seconds.end());
}

void to_json(Json& json, const Tally& tally) {
  ForEachField([&](const char* name, auto field) { json[name] = tally.*field; });
}

void from_json(const Json& json, Tally& tally) {
  ForEachField([&](const char* name, auto field) { json.at(name).get_to(tally.*field); });
}

}  // namespace gischat::bench
