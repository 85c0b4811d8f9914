#include "edge/session/keepalive.h"

namespace gischat::edge::session {
namespace {

constexpr std::chrono::milliseconds kTick(250);

}  // namespace

Keepalive::Keepalive(boost::asio::io_context& context, std::chrono::seconds interval)
    : timer_(context.get_executor()), buckets_(static_cast<size_t>(interval / kTick)) {}

void Keepalive::Start() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    Tick();
    Start();
  });
}

void Keepalive::Stop() { timer_.cancel(); }

void Keepalive::Add(Kept& kept) {
  fill_ = (fill_ + 1) % buckets_.size();
  kept.bucket_ = fill_;
  kept.index_ = buckets_[fill_].size();
  buckets_[fill_].push_back(&kept);
  ++size_;
}

void Keepalive::Watch(Kept& kept) {
  if (kept.watch_ != 0) return;
  watched_.push_back(&kept);
  kept.watch_ = watched_.size();
}

void Keepalive::Unwatch(Kept& kept) {
  if (kept.watch_ == 0) return;
  Kept* last = watched_.back();
  watched_[kept.watch_ - 1] = last;
  last->watch_ = kept.watch_;
  watched_.pop_back();
  kept.watch_ = 0;
}

void Keepalive::Remove(Kept& kept) {
  Unwatch(kept);
  std::vector<Kept*>& bucket = buckets_[kept.bucket_];
  Kept* last = bucket.back();
  bucket[kept.index_] = last;
  last->index_ = kept.index_;
  bucket.pop_back();
  --size_;
}

void Keepalive::ForSome(size_t count, const std::function<void(Kept&)>& action) {
  for (const std::vector<Kept*>& bucket : buckets_) {
    const std::vector<Kept*> all = bucket;
    for (Kept* kept : all) {
      if (count == 0) return;
      --count;
      action(*kept);
    }
  }
}

void Keepalive::Tick() {
  next_ = (next_ + 1) % buckets_.size();
  const std::vector<Kept*> due = buckets_[next_];
  const auto now = std::chrono::steady_clock::now();
  for (Kept* kept : due) kept->OnPingDue(now);
  const std::vector<Kept*> watched = watched_;
  for (Kept* kept : watched) kept->OnWatched(now);
}

}  // namespace gischat::edge::session
