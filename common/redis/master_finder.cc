#include "common/redis/master_finder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gischat::redis {

MasterFinder::MasterFinder(boost::asio::io_context& loop, const Options& options)
    : loop_(loop),
      sentinels_(options.sentinels),
      master_name_(options.master_name),
      password_(options.sentinel_password),
      timeout_(options.sentinel_timeout),
      order_(sentinels_.size()),
      timer_(loop) {
  std::iota(order_.begin(), order_.end(), size_t{0});
}

void MasterFinder::Find(base::Callback<Endpoint> found) {
  Stop();
  found_ = std::move(found);
  at_ = 0;
  troubles_.assign(sentinels_.size(), "");
  AskNext();
}

void MasterFinder::Stop() {
  timer_.cancel();
  if (connection_ != nullptr) connection_->Close();
  connection_ = nullptr;
  found_ = nullptr;
}

void MasterFinder::Distrust() { std::rotate(order_.begin(), order_.begin() + 1, order_.end()); }

void MasterFinder::AskNext() {
  const Endpoint& sentinel = sentinels_[order_[at_]];
  connection_ = std::make_shared<Connection>(loop_, weak_from_this());
  connection_->Open(sentinel.host, sentinel.port);
  timer_.expires_after(absl::ToChronoMilliseconds(timeout_));
  timer_.async_wait([self = shared_from_this(),
                     connection = connection_](const boost::system::error_code& error) {
    if (!error && self->connection_ == connection) self->Fail(absl::UnavailableError("no answer"));
  });
}

void MasterFinder::OnOpened() {
  greeting_ = !password_.empty();
  if (greeting_) connection_->Send({"AUTH", password_});
  connection_->Send({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_name_});
}

void MasterFinder::OnReply(Reply reply) {
  if (reply.type == Reply::Type::kError) return Fail(absl::UnavailableError(reply.text));
  if (std::exchange(greeting_, false)) return;
  absl::StatusOr<Endpoint> master = ReadAnswer(reply);
  if (!master.ok()) return Fail(master.status());
  const auto who = order_.begin() + static_cast<std::ptrdiff_t>(at_);
  std::rotate(order_.begin(), who, who + 1);
  Finish(std::move(master));
}

absl::StatusOr<Endpoint> MasterFinder::ReadAnswer(const Reply& reply) const {
  if (reply.is_nil()) {
    return absl::NotFoundError(absl::StrCat("knows no master ", master_name_));
  }
  uint32_t port = 0;
  if (reply.elements.size() != 2 || !absl::SimpleAtoi(reply.elements[1].text, &port) || port == 0 ||
      port > 65535) {
    return absl::InternalError("answers nonsense");
  }
  return Endpoint{.host = reply.elements[0].text, .port = static_cast<uint16_t>(port)};
}

void MasterFinder::OnClosed(const absl::Status& why) { Fail(why); }

void MasterFinder::Fail(const absl::Status& why) {
  connection_->Close();
  const size_t who = order_[at_];
  troubles_[who] = absl::StrCat(sentinels_[who].ToString(), ": ", why.message());
  if (++at_ < order_.size()) return AskNext();
  Finish(absl::UnavailableError(
      absl::StrCat("no sentinel says where the master is (", absl::StrJoin(troubles_, "; "), ")")));
}

void MasterFinder::Finish(absl::StatusOr<Endpoint> outcome) {
  base::Callback<Endpoint> found = std::move(found_);
  Stop();
  std::move(found)(std::move(outcome));
}

}  // namespace gischat::redis
