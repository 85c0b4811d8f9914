#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace gischat::bench {

// One end of the line between the parent process and a worker: JSON objects, one a line. Not
// thread-safe.
class Control {
 public:
  // Both ends, for before a fork.
  static std::pair<Control, Control> Pair();

  explicit Control(int fd) : fd_(fd) {}
  Control(Control&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), read_(std::move(other.read_)) {}
  Control& operator=(Control&&) = delete;
  ~Control();

  int fd() const { return fd_; }

  // Blocks until it is sent; false when the other end is gone.
  bool Send(const nlohmann::json& object);

  // What has come in, without blocking; nothing when no line is whole yet.
  std::optional<nlohmann::json> Take();

  // Whether the other end is gone and everything that it sent was taken.
  bool ended() const { return ended_; }

 private:
  int fd_;
  std::string read_;
  bool ended_ = false;
};

}  // namespace gischat::bench
