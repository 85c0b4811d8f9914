#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/callback.h"
#include "common/redis/connection.h"
#include "common/redis/options.h"

namespace gischat::redis {

// Asks sentinels where the master is, one after the other, until one of them knows. Whoever did is
// asked first the next time. Confined to the loop.
class MasterFinder : public Connection::Handler, public std::enable_shared_from_this<MasterFinder> {
 public:
  MasterFinder(boost::asio::io_context& loop, const Options& options);  // with sentinels

  // `found` is called once, not from within the call; never when Stop or another Find comes before.
  // kUnavailable tells what became of each sentinel.
  void Find(base::Callback<Endpoint> found);
  void Stop();

  // There is no master where the last answer said: the others are asked first the next time. A
  // sentinel that was cut off from the others names the old master for as long as it lives.
  void Distrust();

 private:
  void AskNext();
  void Fail(const absl::Status& why);
  void Finish(absl::StatusOr<Endpoint> outcome);
  absl::StatusOr<Endpoint> ReadAnswer(const Reply& reply) const;
  void OnOpened() override;
  void OnReply(Reply reply) override;
  void OnClosed(const absl::Status& why) override;

  boost::asio::io_context& loop_;
  const std::vector<Endpoint> sentinels_;
  const std::string master_name_;
  const std::string password_;
  const absl::Duration timeout_;

  std::vector<size_t> order_;          // of asking: places in sentinels_
  size_t at_ = 0;                      // in order_: who is asked now
  std::vector<std::string> troubles_;  // of each of sentinels_, in this search
  std::shared_ptr<Connection> connection_;
  bool greeting_ = false;  // the answer to AUTH is still to come
  boost::asio::steady_timer timer_;
  base::Callback<Endpoint> found_;
};

}  // namespace gischat::redis
