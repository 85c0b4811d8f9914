#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gischat::bench {

// The nicknames of a run: which person each belongs to, and which listener has heard of whom.
// Memory: a bit for each pair. Not thread-safe.
class Roll {
 public:
  // People `first` to `first + names - 1` take nicknames; channel_of_name[i] is that of person
  // `first + i`. Listeners are those of this process, by their channels. `run`: a word that no
  // other run uses, of letters and digits, 16 at most.
  Roll(std::string_view run, size_t first, std::vector<size_t> channel_of_name,
       std::vector<size_t> channel_of_listener);

  // The message by which a person takes its nickname.
  std::string Newcomer(size_t person) const;

  // The person of whom a `newcomer` message of a server tells; nothing when it is of another run.
  std::optional<size_t> Find(std::string_view message) const;

  // A listener heard of a person.
  void Hear(size_t listener, size_t person);

  // A listener that does not count any longer.
  void Close(size_t listener) { open_[listener] = false; }

  // How many are still to be heard, all listeners together.
  uint64_t missing() const;
  bool complete() const { return unheard_ == 0 || missing() == 0; }

  uint64_t doubled() const { return doubled_; }
  uint64_t misrouted() const { return misrouted_; }

 private:
  std::string mark_;
  size_t first_;
  std::vector<size_t> channel_of_name_;
  std::vector<size_t> channel_of_listener_;
  std::vector<uint64_t> unheard_of_;  // by listener
  std::vector<bool> open_;
  std::vector<bool> heard_;
  uint64_t unheard_ = 0;  // of all listeners, open or not
  uint64_t doubled_ = 0;
  uint64_t misrouted_ = 0;
};

}  // namespace gischat::bench
