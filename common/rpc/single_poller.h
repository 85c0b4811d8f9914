#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace grpc {
class Channel;
}

namespace gischat::rpc {

// Lets one thread serve all gRPC of this process while the object lives.
//
// The callback API of gRPC 1.51 has a thread for every two cores, at least two and at most 16, and
// no setting for it. They hand each event that comes in to one another, which costs more than the
// event; callbacks here are short, and who needs more than one thread runs one process more. So all
// but one of these threads are given a callback that waits for the end of the object.
//
// The one that is left would sleep for 100 ms after each second without an event, as all of them
// do, whatever comes in meanwhile; it is given an event every half a second.
//
// With any other version of gRPC it does nothing. Make it before the first channel or server of the
// process, and end it after the last. One at a time.
class SinglePoller {
 public:
  SinglePoller();
  ~SinglePoller();

  SinglePoller(const SinglePoller&) = delete;
  SinglePoller& operator=(const SinglePoller&) = delete;

 private:
  // Calls back on a thread of gRPC.
  void Post(void (SinglePoller::*callback)());
  void Park();
  void Ignore();
  void TickUntilEnd();

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned posted_ = 0;  // callbacks that have not returned
  unsigned parked_ = 0;
  bool ending_ = false;
  std::shared_ptr<grpc::Channel> nowhere_;
  std::thread ticking_;
};

}  // namespace gischat::rpc
