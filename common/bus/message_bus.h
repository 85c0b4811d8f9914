#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/callback.h"

// The order of every channel, and how it spreads between processes.
//
// A channel is a log of opaque payloads. Each event gets the next offset (1, 2, 3, ... without a
// hole), is appended to the log (from which readers resume), to the history if it is to be stored,
// and is sent to the listeners: one atomic step, so that what is stored and what is live can never
// disagree.
namespace gischat::bus {

// A place in a channel. Offsets of different epochs are never compared.
struct Position {
  uint64_t epoch = 0;   // random; 0: nowhere
  uint64_t offset = 0;  // of the last event known; 0: before the first

  friend bool operator==(const Position&, const Position&) = default;
};

// One event in its place. Immutable once published, shared between threads.
struct Event {
  Position position;
  bool stored = false;    // belongs in the history
  std::string publisher;  // the series that it was published in. Of an event that a store script
                          // made: what it is known by when it has to be said again, or empty
  uint64_t sequence = 0;  // its number in that series; 0: made by a store script
  std::string payload;
};
using EventPtr = std::shared_ptr<const Event>;

// The history at one moment.
struct Snapshot {
  Position position;              // of the last event that happened, stored or not
  std::vector<EventPtr> history;  // oldest first, at most Limits::history_events
};

// Part of the log.
struct LogSlice {
  Position position;             // of the last event in the channel
  bool complete = false;         // `events` holds everything after the place asked for; false: the
                                 // log was trimmed beyond it, or its epoch is not known any more
  std::vector<EventPtr> events;  // in order; empty when not complete. They may begin in the epoch
                                 // asked for and go on in the one that followed it
};

// What a publisher wants to append.
struct Draft {
  std::string payload;
  bool stored = false;
};
struct Batch {
  std::string publisher;                         // random name of the series; not empty
  uint64_t first_sequence = 1;                   // number of the first draft in the series, from 1
  std::vector<Draft> drafts;                     // not empty
  bool after_gap = false;                        // the series goes on with first_sequence, whatever
                                                 // the store remembers of it: never kGap
  absl::Time deadline = absl::InfiniteFuture();  // nothing is appended when the store's clock,
                                                 // corrected for its difference to ours, is past it
};

// What became of a batch: all or nothing, save that what an earlier attempt appended stays.
struct Receipt {
  enum class Outcome {
    kPublished,  // everything is in the channel now, perhaps since an earlier attempt
    kGap,        // first_sequence is beyond next_sequence: nothing was appended
    kExpired,    // past the deadline: nothing was appended
  };
  Outcome outcome = Outcome::kPublished;
  uint64_t next_sequence = 0;  // the number that the store expects next in the series
  Position position;           // of the channel's last event after the batch
};

// How much a channel keeps. The log is trimmed when any of its bounds is passed (in Redis by a 64th,
// so that not every publish has to).
struct Limits {
  uint32_t history_events = 5;
  uint32_t log_events = 10'000;
  uint64_t log_bytes = 64ull << 20;
  absl::Duration log_age = absl::Seconds(60);
};

// Hears a channel. Called from one thread at a time, in no caller's stack frame and with no lock
// held; must not block.
class Listener {
 public:
  virtual ~Listener() = default;

  // An event, as it spreads. Events normally arrive in order; after an interruption some may be
  // missing or repeated: the listener checks offsets and reads what is missing from the log.
  virtual void OnEvent(const EventPtr& event) = 0;

  // The subscription (re)started: what happened before may have been missed. Called once after
  // Subscribe when the channel is being listened to, and after every interruption.
  virtual void OnResumed() = 0;
};

// The order of every channel. Thread-safe. Errors of all calls: kUnavailable when the store can't
// be reached or did not answer in time (for Publish: the outcome is unknown), kResourceExhausted
// when it is full, kInternal when it answers nonsense.
class MessageBus {
 public:
  // Ends with the object: afterwards no further call to the listener begins (from another thread
  // than the listener's: one that is about to begin may still do so).
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };

  virtual ~MessageBus() = default;

  // Appends a batch. A draft whose number in the series was appended before is not appended again,
  // so that a retry is harmless for ten minutes after the last publish of the series.
  virtual void Publish(std::string channel, Batch batch, base::Callback<Receipt> done) = 0;

  virtual void ReadHistory(std::string channel, base::Callback<Snapshot> done) = 0;

  // Everything after `after`, up to now.
  virtual void ReadLog(std::string channel, Position after, base::Callback<LogSlice> done) = 0;

  // Listens to a channel. Never fails: while the store can't be reached, nothing is heard.
  virtual std::unique_ptr<Subscription> Subscribe(std::string channel,
                                                  std::shared_ptr<Listener> listener) = 0;

  virtual const Limits& limits() const = 0;
};

}  // namespace gischat::bus
