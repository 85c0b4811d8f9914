#include "edge/session/deflate_offer.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <string>
#include <vector>

// Beast's http::ext_list is of no use for this: it stops behind a parameter without a value.
namespace gischat::edge::session {
namespace {

using boost::beast::iequals;

constexpr std::string_view kDeflate = "permessage-deflate";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Takes what stands before the separator, which counts only outside of quotes, off the front.
std::string_view TakePart(std::string_view* text, char separator) {
  size_t end = 0;
  bool quoted = false;
  for (; end < text->size() && (quoted || (*text)[end] != separator); ++end) {
    if ((*text)[end] == '"') quoted = !quoted;
  }
  const std::string_view part = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return Trimmed(part);
}

bool IsWindow(std::string_view bits) {
  if (bits.size() > 2 && bits.front() == '"' && bits.back() == '"') {
    bits = bits.substr(1, bits.size() - 2);
  }
  return bits == "8" || bits == "9" ||
         (bits.size() == 2 && bits[0] == '1' && bits[1] >= '0' && bits[1] <= '5');
}

bool IsAcceptable(std::string_view name, bool has_value, std::string_view value) {
  if (iequals(name, "client_max_window_bits")) return !has_value || IsWindow(value);
  return !has_value && (iequals(name, "server_no_context_takeover") ||
                        iequals(name, "client_no_context_takeover"));
}

// One offer: its name, and parameters behind semicolons.
bool IsAcceptable(std::string_view offer) {
  if (!iequals(TakePart(&offer, ';'), kDeflate)) return false;
  std::vector<std::string_view> seen;
  while (!offer.empty()) {
    std::string_view value = TakePart(&offer, ';');
    const bool has_value = value.find('=') != std::string_view::npos;
    const std::string_view name = TakePart(&value, '=');
    const auto is_same = [&](std::string_view other) { return iequals(name, other); };
    if (!IsAcceptable(name, has_value, Trimmed(value))) return false;
    if (std::any_of(seen.begin(), seen.end(), is_same)) return false;
    seen.push_back(name);
  }
  return true;
}

}  // namespace

bool OffersDeflate(const boost::beast::http::fields& head) {
  const auto [first, last] = head.equal_range(boost::beast::http::field::sec_websocket_extensions);
  for (auto field = first; field != last; ++field) {
    std::string_view offers(field->value().data(), field->value().size());
    while (!offers.empty()) {
      if (IsAcceptable(TakePart(&offers, ','))) return true;
    }
  }
  return false;
}

}  // namespace gischat::edge::session
