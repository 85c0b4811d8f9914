#include "tests/bench/load/handshake.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gischat::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

absl::Status Failed(std::string_view what, const boost::system::error_code& error) {
  return absl::UnavailableError(absl::StrCat(std::string(what), ": ", error.message()));
}

void SetTimeouts(tcp::socket& socket, absl::Duration timeout) {
  const timeval limit = absl::ToTimeval(timeout);
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

http::request<http::empty_body> UpgradeRequest(const Url& url) {
  http::request<http::empty_body> request{http::verb::get, url.path, 11};
  request.set(http::field::host, url.host + ":" + url.port);
  request.set(http::field::upgrade, "websocket");
  request.set(http::field::connection, "Upgrade");
  // The key only proves that the answer is not an old one from a cache.
  request.set(http::field::sec_websocket_key, "Z2lzY2hhdC1sb2FkLWtleQ==");
  request.set(http::field::sec_websocket_version, "13");
  return request;
}

}  // namespace

absl::StatusOr<Url> ParseUrl(const std::string& text) {
  constexpr std::string_view kScheme = "ws://";
  if (text.compare(0, kScheme.size(), kScheme) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("not ws://HOST:PORT/PATH: ", text));
  }
  const size_t slash = text.find('/', kScheme.size());
  const std::string authority = text.substr(kScheme.size(), slash - kScheme.size());
  const size_t colon = authority.rfind(':');
  if (slash == std::string::npos || colon == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("not ws://HOST:PORT/PATH: ", text));
  }
  return Url{authority.substr(0, colon), authority.substr(colon + 1), text.substr(slash)};
}

// Beast's WebSocket stream keeps what it reads beyond the answer for itself; the upgrade is spoken
// with its HTTP half, so that those bytes are ours.
absl::StatusOr<Upgraded> Upgrade(const Url& url, absl::Duration timeout) {
  asio::io_context context(1);
  boost::system::error_code error;
  const auto endpoints = tcp::resolver(context).resolve(url.host, url.port, error);
  if (error) return Failed("resolve " + url.host, error);
  tcp::socket socket(context);
  asio::connect(socket, endpoints, error);
  if (error) return Failed("connect", error);
  SetTimeouts(socket, timeout);
  socket.set_option(tcp::no_delay(true), error);
  http::write(socket, UpgradeRequest(url), error);
  if (error) return Failed("request", error);

  beast::flat_buffer buffer;
  http::response_parser<http::empty_body> parser;
  parser.skip(true);
  http::read_header(socket, buffer, parser, error);
  if (error) return Failed("answer", error);
  if (parser.get().result() != http::status::switching_protocols) {
    return absl::UnavailableError(absl::StrCat("answer: HTTP ", parser.get().result_int()));
  }
  Upgraded upgraded{socket.release(error), beast::buffers_to_string(buffer.data())};
  if (error) return Failed("release", error);
  ::fcntl(upgraded.fd, F_SETFL, ::fcntl(upgraded.fd, F_GETFL) | O_NONBLOCK);
  return upgraded;
}

}  // namespace gischat::bench
