#include "common/process/probe.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/config/address.h"

namespace gischat::process {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kReady = 0;
constexpr int kNotReady = 1;

asio::ip::address Loopback(const asio::ip::address& address) {
  if (!address.is_unspecified()) return address;
  if (address.is_v6()) return asio::ip::address_v6::loopback();
  return asio::ip::address_v4::loopback();
}

// Every step ends when the stream's time is over.
asio::awaitable<void> Ask(beast::tcp_stream& stream, tcp::endpoint where,
                          http::response<http::string_body>& answer, error_code& error) {
  co_await stream.async_connect(where, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return;
  http::request<http::empty_body> request(http::verb::get, "/readyz", 11);
  request.set(http::field::host, "localhost");
  request.keep_alive(false);
  co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return;
  beast::flat_buffer buffer;
  co_await http::async_read(stream, buffer, answer,
                            asio::redirect_error(asio::use_awaitable, error));
}

}  // namespace

absl::Status Probe(const std::string& address, uint16_t port, std::chrono::milliseconds patience) {
  error_code error;
  const tcp::endpoint where(Loopback(asio::ip::make_address(address, error)), port);
  const std::string name = config::HostPort(where.address().to_string(), port);
  if (error) return absl::UnavailableError(absl::StrCat("'", address, "' is no address"));
  if (port == 0) return absl::UnavailableError("the admin port is 0, so that nobody knows it");
  asio::io_context loop;
  beast::tcp_stream stream(loop);
  stream.expires_after(patience);
  http::response<http::string_body> answer;
  asio::co_spawn(
      loop, [&] { return Ask(stream, where, answer, error); }, asio::detached);
  loop.run();
  if (error == beast::error::timeout) {
    return absl::DeadlineExceededError(absl::StrCat("no answer from ", name, " in time"));
  }
  if (error) return absl::UnavailableError(absl::StrCat(name, ": ", error.message()));
  if (answer.result() == http::status::ok) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrReplaceAll(absl::StripTrailingAsciiWhitespace(answer.body()), {{"\n", "; "}}));
}

int RunProbe(const std::string& program, const std::string& address, uint16_t port) {
  const absl::Status status = Probe(address, port);
  if (status.ok()) {
    std::printf("%s: ready\n", program.c_str());
    return kReady;
  }
  const std::string words(status.message());
  std::fprintf(stderr, "%s: not ready: %s\n", program.c_str(), words.c_str());
  return kNotReady;
}

}  // namespace gischat::process
