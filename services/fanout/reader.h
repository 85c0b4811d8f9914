#pragma once

#include "absl/status/status.h"
#include "services/fanout/channel_feed.h"

namespace gischat::fanout {

// One edge at the end of its event stream, wherever it is. Thread-safe, but for Put() of a Sink.
class Reader : public Sink {
 public:
  virtual void Beat() = 0;  // shows that the stream is alive, if nothing else does
  virtual void End(absl::Status status) = 0;  // nothing follows: resume elsewhere
};

}  // namespace gischat::fanout
