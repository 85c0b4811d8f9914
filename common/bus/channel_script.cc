#include "common/bus/channel_script.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/random_id.h"
#include "common/bus/redis_scripts.h"

namespace gischat::bus {
namespace {

std::string Encode(std::string_view name) {
  std::string encoded;
  for (const char c : name) {
    switch (c) {
      case '%':
        encoded += "%25";
        break;
      case ':':
        encoded += "%3A";
        break;
      case '{':
        encoded += "%7B";
        break;
      case '}':
        encoded += "%7D";
        break;
      default:
        encoded += c;
    }
  }
  return encoded;
}

}  // namespace

std::string ChannelKey(std::string_view instance, std::string_view channel, std::string_view what) {
  return absl::StrCat("gischat:{", Encode(instance), ":", Encode(channel), "}:", std::string(what));
}

std::string ScriptThatAppends(std::string_view source) {
  return absl::StrCat(std::string(kAppendLua), "\n", std::string(source));
}

std::vector<std::string> AppendKeys(std::string_view instance, std::string_view channel) {
  return {ChannelKey(instance, channel, "channel"), ChannelKey(instance, channel, "log"),
          ChannelKey(instance, channel, "log-index"), ChannelKey(instance, channel, "history")};
}

std::vector<std::string> AppendArguments(std::string_view instance, std::string_view channel,
                                         uint32_t database, const Limits& limits) {
  return {EventsName(instance, channel, database),
          std::to_string(base::RandomNumber()),
          std::to_string(limits.history_events),
          std::to_string(limits.log_events),
          std::to_string(limits.log_bytes),
          std::to_string(absl::ToInt64Milliseconds(limits.log_age))};
}

std::string EventsName(std::string_view instance, std::string_view channel, uint32_t database) {
  return ChannelKey(instance, channel,
                    database == 0 ? "events" : absl::StrCat("events:", database));
}

}  // namespace gischat::bus
