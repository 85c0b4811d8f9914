#pragma once

#include <boost/beast/http/fields.hpp>
#include <string_view>

namespace gischat::edge::session {

// Our answer to an offer of permessage-deflate (RFC 7692): every message is compressed by itself,
// so that all clients share what is compressed, and nothing is kept between messages.
inline constexpr std::string_view kDeflateAnswer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

// Whether the head of a handshake offers what can be answered so. An offer with a parameter that
// is unknown, doubled or has a wrong value is declined; so is a smaller window for what we send,
// which is shared with those who have the whole.
bool OffersDeflate(const boost::beast::http::fields& head);

}  // namespace gischat::edge::session
