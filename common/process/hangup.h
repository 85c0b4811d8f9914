#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/config/reload.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace gischat::process {

// What a process does on SIGHUP: it reads its settings again, says in the log what came of it, and
// counts. A SIGHUP that comes because its terminal has gone is another matter: it ends the process.
//
// Confined to the loop's thread from Start() on. Made before anything can send the signal, which
// waits for Start() then.
class Hangup {
 public:
  using Read = std::function<config::Reload()>;

  // The loop and the registry outlive it.
  Hangup(boost::asio::io_context& loop, prometheus::Registry& registry);

  // Before Start().
  void OnSignal(Read read) { read_ = std::move(read); }

  // Says, once for each, that a setting in the file does not count.
  void NoteOverridden(const std::vector<std::string>& names);

  // `end`: the terminal has gone.
  void Start(std::function<void()> end);

  // A SIGHUP has no effect any more.
  void Stop() { stopped_ = true; }

 private:
  void Await();
  void ReadAgain();

  boost::asio::signal_set signals_;
  bool stopped_ = false;
  const bool had_terminal_;
  Read read_;
  std::function<void()> end_;
  std::set<std::string> told_overridden_;
  prometheus::Counter& ok_;
  prometheus::Counter& failed_;
  prometheus::Gauge& last_;
};

}  // namespace gischat::process
