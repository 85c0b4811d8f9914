#include "tests/bench/load/roll.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gischat::bench {

Roll::Roll(std::string_view run, size_t first, std::vector<size_t> channel_of_name,
           std::vector<size_t> channel_of_listener)
    : mark_(absl::StrCat("\"", std::string(run.substr(0, 16)), "-")),
      first_(first),
      channel_of_name_(std::move(channel_of_name)),
      channel_of_listener_(std::move(channel_of_listener)),
      open_(channel_of_listener_.size(), true),
      heard_(channel_of_listener_.size() * channel_of_name_.size()) {
  for (const size_t channel : channel_of_listener_) {
    const auto names = std::count(channel_of_name_.begin(), channel_of_name_.end(), channel);
    unheard_of_.push_back(static_cast<uint64_t>(names));
    unheard_ += static_cast<uint64_t>(names);
  }
}

std::string Roll::Newcomer(size_t person) const {
  return absl::StrCat(R"({"type":"newcomer","newcomer":)", mark_, person, "\"}");
}

std::optional<size_t> Roll::Find(std::string_view message) const {
  const size_t at = message.find(mark_);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = message.substr(at + mark_.size());
  const std::string digits(rest.substr(0, rest.find('"')));
  uint64_t person = 0;
  if (!absl::SimpleAtoi(digits, &person)) return std::nullopt;
  if (person < first_ || person - first_ >= channel_of_name_.size()) return std::nullopt;
  return person;
}

void Roll::Hear(size_t listener, size_t person) {
  const size_t name = person - first_;
  if (channel_of_name_[name] != channel_of_listener_[listener]) {
    ++misrouted_;
    return;
  }
  const size_t bit = listener * channel_of_name_.size() + name;
  if (heard_[bit]) {
    ++doubled_;
    return;
  }
  heard_[bit] = true;
  --unheard_of_[listener];
  --unheard_;
}

uint64_t Roll::missing() const {
  uint64_t count = 0;
  for (size_t listener = 0; listener < open_.size(); ++listener) {
    if (open_[listener]) count += unheard_of_[listener];
  }
  return count;
}

}  // namespace gischat::bench
