#include "common/loop/doorbell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace gischat::loop {
namespace {

namespace asio = boost::asio;

int NewEventFd() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

}  // namespace

class Doorbell::Bell : public std::enable_shared_from_this<Bell> {
 public:
  Bell(asio::io_context& loop, std::function<void()> answer)
      : fd_(NewEventFd()), descriptor_(loop.get_executor()), answer_(std::move(answer)) {
    boost::system::error_code error;
    descriptor_.assign(fd_, error);
    if (!error) return;
    close(fd_);
    throw std::system_error(error.value(), std::generic_category(), "eventfd");
  }

  void Ring() const {
    constexpr uint64_t kOne = 1;
    [[maybe_unused]] const ssize_t written = write(fd_, &kOne, sizeof(kOne));
  }

  void Listen() {
    descriptor_.async_read_some(
        asio::buffer(&rings_, sizeof(rings_)),
        [self = shared_from_this()](boost::system::error_code error, size_t) {
          if (error || self->removed_) return;
          self->answer_();
          self->Listen();
        });
  }

  void Remove() {
    asio::dispatch(descriptor_.get_executor(), [self = shared_from_this()] {
      self->removed_ = true;
      self->descriptor_.close();
    });
  }

 private:
  const int fd_;  // the descriptor's
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor_;
  const std::function<void()> answer_;
  uint64_t rings_ = 0;  // the loop's, as what follows
  bool removed_ = false;
};

Doorbell::Doorbell(asio::io_context& loop, std::function<void()> answer)
    : bell_(std::make_shared<Bell>(loop, std::move(answer))) {
  bell_->Listen();
}

Doorbell::~Doorbell() { bell_->Remove(); }

void Doorbell::Ring() { bell_->Ring(); }

}  // namespace gischat::loop
