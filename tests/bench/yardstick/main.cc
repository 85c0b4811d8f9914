// What a broadcast over WebSockets costs when the server does nothing else: one thread, one epoll,
// every text frame of a client goes to all clients. No rules, no channels, no JSON. The figures of
// a chat server are read as multiples of this one's, taken on the same machine in the same run.
//
//   gischat-yardstick PORT one-send    each delivery is a send() of its own
//   gischat-yardstick PORT gathering   what came in one turn of the loop goes out in one send()
//
// Speaks just enough of RFC 6455 for well-behaved clients. To each newcomer's connection it first
// says a count, as a chat does, so that load drivers know that they are in.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/uuid/detail/sha1.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace {

constexpr size_t kReadSize = 1 << 18;
constexpr size_t kMostPieces = 64;
constexpr int kEventsOfATurn = 1024;
constexpr std::string_view kCount = R"({"type":"nb_users","nb_users":1})";

enum class Variant { kOneSend, kGathering };

// Bytes that many clients wait for are in memory once.
using Shared = std::shared_ptr<const std::string>;

struct Client {
  int fd = -1;
  bool upgraded = false;
  bool waits_to_write = false;
  std::string in;
  std::deque<Shared> out;  // what the kernel did not take
  size_t out_from = 0;     // of the first of them
  size_t place = 0;
};

std::string ServerFrame(int opcode, std::string_view payload) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  const auto append_size = [&](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
      frame.push_back(static_cast<char>(payload.size() >> shift));
    }
  };
  if (payload.size() < 126) {
    append_size(1);
  } else if (payload.size() <= 0xFFFF) {
    frame.push_back(126);
    append_size(2);
  } else {
    frame.push_back(127);
    append_size(8);
  }
  frame.append(payload);
  return frame;
}

std::string AcceptKey(std::string_view key) {
  constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  boost::uuids::detail::sha1 sha1;
  sha1.process_bytes(key.data(), key.size());
  sha1.process_bytes(kGuid.data(), kGuid.size());
  boost::uuids::detail::sha1::digest_type digest;
  sha1.get_digest(digest);
  std::string bytes;
  for (const unsigned int word : digest) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(word >> shift));
  }
  return absl::Base64Escape({bytes.data(), bytes.size()});
}

class Yardstick {
 public:
  Yardstick(int listener, Variant variant)
      : listener_(listener), variant_(variant), epoll_(epoll_create1(0)), read_(kReadSize) {
    Watch(EPOLL_CTL_ADD, listener_, nullptr, EPOLLIN);
  }

  [[noreturn]] void Run() {
    std::array<epoll_event, kEventsOfATurn> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), kEventsOfATurn, -1);
      for (int i = 0; i < count; ++i) {
        auto* client = static_cast<Client*>(events[static_cast<size_t>(i)].data.ptr);
        if (client == nullptr) {
          AcceptAll();
          continue;
        }
        if ((events[static_cast<size_t>(i)].events & EPOLLOUT) != 0) Flush(*client);
        if ((events[static_cast<size_t>(i)].events & ~EPOLLOUT) != 0) Read(*client);
      }
      if (!turn_.empty()) SendToAll(std::exchange(turn_, {}));
      Bury();
    }
  }

 private:
  void Watch(int operation, int fd, Client* client, uint32_t events) const {
    epoll_event event = {};
    event.events = events;
    event.data.ptr = client;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void AcceptAll() {
    int fd = -1;
    while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      auto client = std::make_unique<Client>();
      client->fd = fd;
      client->place = clients_.size();
      Watch(EPOLL_CTL_ADD, fd, client.get(), EPOLLIN);
      clients_.push_back(std::move(client));
    }
  }

  void Read(Client& client) {
    if (client.fd < 0) return;
    const ssize_t size = recv(client.fd, read_.data(), read_.size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return End(client);
    const std::string_view fresh(read_.data(), static_cast<size_t>(size));
    if (client.in.empty() && client.upgraded) {
      client.in.assign(TakeFrames(client, fresh));
      return;
    }
    client.in.append(fresh);
    if (!client.upgraded && !Upgrade(client)) return;
    const std::string left{TakeFrames(client, client.in)};
    client.in = left;
  }

  bool Upgrade(Client& client) {
    constexpr std::string_view kKey = "\r\nsec-websocket-key:";
    const size_t end = client.in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::string head = client.in.substr(0, end + 2);
    std::string lower = head;
    for (char& c : lower) c = absl::ascii_tolower(static_cast<unsigned char>(c));
    const size_t key = lower.find(kKey);
    if (key == std::string::npos) return End(client), false;
    const size_t begin = key + kKey.size();
    const std::string value = head.substr(begin, head.find("\r\n", begin) - begin);
    const std::string_view trimmed = std::string_view{value}.substr(value.find_first_not_of(' '));
    Write(client, absl::StrCat("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: ",
                               AcceptKey(trimmed), "\r\n\r\n") +
                      ServerFrame(1, kCount));
    client.upgraded = true;
    client.in.erase(0, end + 4);
    return true;
  }

  // Deals with every whole frame; gives what is left.
  std::string_view TakeFrames(Client& client, std::string_view bytes) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
    while (bytes.size() >= 6) {
      uint64_t length = byte(1) & 0x7F;
      const size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
      const size_t header = 2 + extended + 4;
      if (bytes.size() < header) return bytes;
      if (extended > 0) {
        length = 0;
        for (size_t i = 0; i < extended; ++i) length = length << 8 | byte(2 + i);
      }
      if (bytes.size() - header < length) return bytes;
      payload_.assign(bytes.substr(header, length));
      const std::string_view mask = bytes.substr(header - 4, 4);
      for (size_t i = 0; i < payload_.size(); ++i) {
        payload_[i] = static_cast<char>(payload_[i] ^ mask[i % 4]);
      }
      Take(client, byte(0) & 0x0F);
      bytes.remove_prefix(header + length);
    }
    return bytes;
  }

  void Take(Client& client, int opcode) {
    if (opcode == 1) {
      std::string frame = ServerFrame(1, payload_);
      if (variant_ == Variant::kOneSend) return SendToAll(std::move(frame));
      turn_ += frame;
    } else if (opcode == 8) {
      Write(client, ServerFrame(8, payload_));
    } else if (opcode == 9) {
      Write(client, ServerFrame(10, payload_));
    }
  }

  void SendToAll(std::string bytes) {
    const auto shared = std::make_shared<const std::string>(std::move(bytes));
    for (const auto& client : clients_) {
      if (client->upgraded && client->fd >= 0) Write(*client, shared);
    }
  }

  void Write(Client& client, std::string bytes) {
    Write(client, std::make_shared<const std::string>(std::move(bytes)));
  }

  void Write(Client& client, const Shared& bytes) {
    if (client.fd < 0) return;
    if (client.out.empty()) {
      const ssize_t sent = send(client.fd, bytes->data(), bytes->size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return End(client);
      client.out_from = sent < 0 ? 0 : static_cast<size_t>(sent);
      if (client.out_from == bytes->size()) return;
    }
    client.out.push_back(bytes);
    WaitToWrite(client, true);
  }

  void Flush(Client& client) {
    if (client.fd < 0) return;
    std::array<iovec, kMostPieces> pieces;
    size_t count = 0;
    for (; count < std::min(kMostPieces, client.out.size()); ++count) {
      const size_t from = count == 0 ? client.out_from : 0;
      const std::string& piece = *client.out[count];
      pieces[count] = {const_cast<char*>(piece.data()) + from, piece.size() - from};
    }
    msghdr message = {};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(client.fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return End(client);
    client.out_from += sent < 0 ? 0 : static_cast<size_t>(sent);
    while (!client.out.empty() && client.out_from >= client.out.front()->size()) {
      client.out_from -= client.out.front()->size();
      client.out.pop_front();
    }
    if (client.out.empty()) client.out.shrink_to_fit();
    WaitToWrite(client, !client.out.empty());
  }

  void WaitToWrite(Client& client, bool wait) const {
    if (client.waits_to_write == wait) return;
    client.waits_to_write = wait;
    Watch(EPOLL_CTL_MOD, client.fd, &client, EPOLLIN | (wait ? EPOLLOUT : 0U));
  }

  // Only marks: it may stand in the list that is being walked.
  void End(Client& client) {
    close(client.fd);
    client.fd = -1;
    dead_.push_back(&client);
  }

  void Bury() {
    for (const Client* client : dead_) {
      const size_t place = client->place;
      std::swap(clients_[place], clients_.back());
      clients_[place]->place = place;
      clients_.pop_back();
    }
    dead_.clear();
  }

  const int listener_;
  const Variant variant_;
  const int epoll_;
  std::vector<char> read_;
  std::string payload_;
  std::string turn_;  // frames of this turn, for everybody
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Client*> dead_;  // to be taken out at the end of the turn
};

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  return bound && listen(fd, SOMAXCONN) == 0 ? fd : -1;
}

void RaiseOpenFiles() {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view variant = argc == 3 ? argv[2] : "";
  uint32_t port = 0;
  if ((variant != "one-send" && variant != "gathering") || !absl::SimpleAtoi(argv[1], &port) ||
      port == 0 || port > 65535) {
    std::fputs("usage: gischat-yardstick PORT one-send|gathering\n", stderr);
    return 2;
  }
  RaiseOpenFiles();
  const int listener = Listen(static_cast<uint16_t>(port));
  if (listener < 0) {
    std::perror("gischat-yardstick");
    return 2;
  }
  Yardstick(listener, variant == "gathering" ? Variant::kGathering : Variant::kOneSend).Run();
}
