#include "common/process/probe.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
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

// One request and its answer. Every step ends when the stream's time is over.
struct Question {
  void Ask(const tcp::endpoint& where) {
    stream.expires_after(patience);
    stream.async_connect(where, [this](error_code error) {
      if (!Failed(error)) Write();
    });
  }
  void Write() {
    request.set(http::field::host, "localhost");
    request.keep_alive(false);
    http::async_write(stream, request, [this](error_code error, size_t /*bytes*/) {
      if (!Failed(error)) Read();
    });
  }
  void Read() {
    http::async_read(stream, buffer, answer,
                     [this](error_code error, size_t /*bytes*/) { Failed(error); });
  }
  bool Failed(error_code error) {
    failure = error;
    return failure.failed();
  }

  beast::tcp_stream stream;
  std::chrono::milliseconds patience;
  http::request<http::empty_body> request{http::verb::get, "/readyz", 11};
  http::response<http::string_body> answer = {};
  beast::flat_buffer buffer = {};
  error_code failure = {};
};

}  // namespace

absl::Status Probe(const std::string& address, uint16_t port, std::chrono::milliseconds patience) {
  error_code error;
  const tcp::endpoint where(Loopback(asio::ip::make_address(address, error)), port);
  const std::string name = config::HostPort(where.address().to_string(), port);
  if (error) return absl::UnavailableError(absl::StrCat("'", address, "' is no address"));
  if (port == 0) return absl::UnavailableError("the admin port is 0, so that nobody knows it");
  asio::io_context loop;
  Question question{.stream = beast::tcp_stream(loop), .patience = patience};
  question.Ask(where);
  loop.run();
  if (question.failure == beast::error::timeout) {
    return absl::DeadlineExceededError(absl::StrCat("no answer from ", name, " in time"));
  }
  if (question.failure) {
    return absl::UnavailableError(absl::StrCat(name, ": ", question.failure.message()));
  }
  const http::response<http::string_body>& answer = question.answer;
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
