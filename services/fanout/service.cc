#include "services/fanout/service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/loop/run_on_loop.h"
#include "common/rpc/answers.h"
#include "common/rpc/status.h"
#include "common/trace/trace.h"
#include "gischat/fanout/v1/fanout.grpc.pb.h"
#include "services/fanout/channel_feed.h"
#include "services/fanout/event_stream.h"
#include "services/fanout/metrics.h"

namespace gischat::fanout {
namespace {

constexpr std::chrono::milliseconds kBeatInterval{900};  // something is sent at least every second

absl::Status Check(const v1::PublishRequest& request) {
  if (request.channel().empty()) return absl::InvalidArgumentError("no channel");
  if (request.publisher().empty()) return absl::InvalidArgumentError("no publisher");
  if (request.first_sequence() == 0) return absl::InvalidArgumentError("first_sequence is 0");
  if (request.drafts().empty()) return absl::InvalidArgumentError("no drafts");
  return absl::OkStatus();
}

bus::Batch ToBatch(v1::PublishRequest request, absl::Time deadline) {
  bus::Batch batch{
      .publisher = request.publisher(), .first_sequence = request.first_sequence(), .drafts = {}};
  batch.after_gap = request.after_gap();
  batch.drafts.reserve(static_cast<size_t>(request.drafts_size()));
  for (v1::Draft& draft : *request.mutable_drafts()) {
    batch.drafts.push_back({std::move(*draft.mutable_message()), draft.stored()});
  }
  batch.deadline = deadline;
  return batch;
}

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  const bool has_one = deadline != std::chrono::system_clock::time_point::max();
  return has_one ? absl::FromChrono(deadline) : absl::InfiniteFuture();
}

absl::Time DeadlineOf(const v1::PublishAllRequest& request) {
  const auto timeout = static_cast<int64_t>(request.timeout_us());
  return timeout == 0 ? absl::InfiniteFuture() : absl::Now() + absl::Microseconds(timeout);
}

// The traces of those messages that have one; none while nobody reads them.
std::vector<trace::Trace> TracesOf(const v1::PublishRequest& request) {
  std::vector<trace::Trace> traces;
  if (!trace::IsLogged()) return traces;
  for (const v1::Draft& draft : request.drafts()) {
    if (draft.has_trace()) traces.push_back(draft.trace());
  }
  return traces;
}

void NotePublished(const std::vector<trace::Trace>& traces, std::string_view channel,
                   std::string_view outcome) {
  for (const trace::Trace& trace : traces) {
    trace::LogStep(trace, "published", {{"channel", channel}, {"outcome", outcome}});
  }
}

v1::PublishResponse::Outcome ToOutcome(bus::Receipt::Outcome outcome) {
  switch (outcome) {
    case bus::Receipt::Outcome::kPublished:
      return v1::PublishResponse::PUBLISHED;
    case bus::Receipt::Outcome::kGap:
      return v1::PublishResponse::GAP;
    case bus::Receipt::Outcome::kExpired:
      return v1::PublishResponse::EXPIRED;
  }
  return v1::PublishResponse::OUTCOME_UNSPECIFIED;
}

}  // namespace

// All open streams, and the feeds of the channels that they read.
class Service::Streams : public std::enable_shared_from_this<Streams> {
 public:
  Streams(boost::asio::io_context& loop, bus::MessageBus& bus, prometheus::Registry& registry,
          size_t max_stream_bytes)
      : loop_(loop),
        bus_(bus),
        metrics_(registry),
        max_stream_bytes_(max_stream_bytes),
        timer_(loop) {}

  Metrics& metrics() { return metrics_; }

  void Start() {
    started_ = true;
    boost::asio::post(loop_, [self = shared_from_this()] { self->BeatLater(); });
  }

  void Add(std::shared_ptr<Reader> reader, const v1::SubscribeRequest& request);
  void Remove(std::shared_ptr<Reader> reader);
  EventStream* Open(grpc::CallbackServerContext* context, const v1::SubscribeRequest& request);

  void EndAll() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    for (const auto& reader : Open()) reader->End(Ending());
  }

  void Stop() {
    if (!started_) return;
    loop::RunOnLoop(loop_, [this] {
      stopped_ = true;
      timer_.cancel();
      for (const auto& [channel, feed] : feeds_) feed->Stop();
      feeds_.clear();
    });
  }

 private:
  using Channels = std::set<std::string>;

  static absl::Status Ending() {
    return absl::UnavailableError("fanout is ending: resume elsewhere");
  }

  std::vector<std::shared_ptr<Reader>> Open();
  void Attach(const std::shared_ptr<Reader>& reader, const v1::SubscribeRequest& request);
  void Close(const std::shared_ptr<Reader>& reader);
  void BeatLater();
  void Beat();

  boost::asio::io_context& loop_;
  bus::MessageBus& bus_;
  Metrics metrics_;
  const size_t max_stream_bytes_;
  bool started_ = false;  // of the thread that owns the service

  // Confined to the loop.
  bool stopped_ = false;
  boost::asio::steady_timer timer_;
  std::map<std::string, std::shared_ptr<ChannelFeed>> feeds_;

  std::mutex mutex_;  // guards what follows
  std::map<std::shared_ptr<Reader>, Channels> open_;
  bool ending_ = false;
};

std::vector<std::shared_ptr<Reader>> Service::Streams::Open() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Reader>> open;
  for (const auto& [reader, channels] : open_) open.push_back(reader);
  return open;
}

// The loop attaches and closes, so that what is added first is removed later.
void Service::Streams::Add(std::shared_ptr<Reader> reader, const v1::SubscribeRequest& request) {
  Channels channels;
  for (const v1::ResumePoint& point : request.channels()) channels.insert(point.channel());
  bool ending = false;
  {
    const std::lock_guard lock(mutex_);
    ending = ending_;
    if (!ending) open_.emplace(reader, std::move(channels));
  }
  if (ending) return reader->End(Ending());
  boost::asio::post(loop_, [self = shared_from_this(), reader = std::move(reader), request] {
    self->Attach(reader, request);
  });
}

void Service::Streams::Remove(std::shared_ptr<Reader> reader) {
  boost::asio::post(
      loop_, [self = shared_from_this(), reader = std::move(reader)] { self->Close(reader); });
}

EventStream* Service::Streams::Open(grpc::CallbackServerContext* context,
                                    const v1::SubscribeRequest& request) {
  auto stream = EventStream::Open(
      loop_, context, max_stream_bytes_, metrics_,
      [self = shared_from_this()](EventStream* done) { self->Remove(done->shared_from_this()); });
  Add(stream, request);
  return stream.get();
}

void Service::Streams::Attach(const std::shared_ptr<Reader>& reader,
                              const v1::SubscribeRequest& request) {
  if (stopped_) return;
  Channels seen;
  for (const v1::ResumePoint& point : request.channels()) {
    if (!seen.insert(point.channel()).second) continue;
    std::shared_ptr<ChannelFeed>& feed = feeds_[point.channel()];
    if (feed == nullptr) {
      feed = std::make_shared<ChannelFeed>(loop_, bus_, point.channel(), metrics_);
      feed->Start();
    }
    feed->Attach(reader, {point.epoch(), point.offset()});
  }
}

void Service::Streams::Close(const std::shared_ptr<Reader>& reader) {
  Channels channels;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = open_.find(reader);
    if (entry == open_.end()) return;
    channels = std::move(entry->second);
    open_.erase(entry);
  }
  for (const std::string& channel : channels) {
    const auto found = feeds_.find(channel);
    if (found == feeds_.end()) continue;
    found->second->Detach(reader.get());
    if (found->second->in_use()) continue;
    found->second->Stop();
    feeds_.erase(found);
  }
}

void Service::Streams::BeatLater() {
  if (stopped_) return;
  timer_.expires_after(kBeatInterval);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->Beat();
  });
}

void Service::Streams::Beat() {
  for (const auto& reader : Open()) reader->Beat();
  BeatLater();
}

// What gRPC calls. Subscribe is raw: its messages are put together from serialised items.
class Service::Rpcs
    : public v1::Fanout::WithRawCallbackMethod_Subscribe<
          v1::Fanout::WithCallbackMethod_Publish<v1::Fanout::WithCallbackMethod_PublishAll<
              v1::Fanout::WithCallbackMethod_History<v1::Fanout::Service>>>> {
 public:
  Rpcs(fanout::Service& service, boost::asio::io_context& loop, bus::MessageBus& bus,
       std::shared_ptr<Streams> streams)
      : service_(service),
        loop_(loop),
        bus_(bus),
        streams_(std::move(streams)),
        publishes_([this](const v1::PublishAllRequest& request, v1::PublishAllResponse& response,
                          std::function<void()> done) {
          service_.Publish(request.publish(), DeadlineOf(request),
                           [this, &response, done = std::move(done)](auto published) {
                             if (published.ok()) {
                               *response.mutable_published() = *std::move(published);
                             } else {
                               const auto words = published.status().message();
                               response.set_code(static_cast<uint32_t>(published.status().code()));
                               response.set_error(words.data(), words.size());
                             }
                             AfterEvents(done);
                           });
        }) {}

  void EndPublishes() { publishes_.EndAll(); }

  grpc::ServerBidiReactor<v1::PublishAllRequest, v1::PublishAllResponse>* PublishAll(
      grpc::CallbackServerContext* /*context*/) override {
    return publishes_.Open();
  }

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context,
                                    const v1::PublishRequest* request,
                                    v1::PublishResponse* response) override;
  grpc::ServerUnaryReactor* History(grpc::CallbackServerContext* context,
                                    const v1::HistoryRequest* request,
                                    v1::HistoryResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request) override;

 private:
  // What was published is waited for more than the answer that says so, and the bus tells both at
  // the same time: the event goes down its stream in the next turn of the loop, the answer behind
  // it.
  void AfterEvents(std::function<void()> answer) {
    boost::asio::post(loop_, [this, answer = std::move(answer)]() mutable {
      boost::asio::post(loop_, std::move(answer));
    });
  }

  fanout::Service& service_;
  boost::asio::io_context& loop_;
  bus::MessageBus& bus_;
  const std::shared_ptr<Streams> streams_;
  rpc::Answers<v1::PublishAllRequest, v1::PublishAllResponse> publishes_;
};

grpc::ServerUnaryReactor* Service::Rpcs::Publish(grpc::CallbackServerContext* context,
                                                 const v1::PublishRequest* request,
                                                 v1::PublishResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  service_.Publish(*request, DeadlineOf(*context), [reactor, response](auto published) {
    if (!published.ok()) return reactor->Finish(rpc::ToGrpc(published.status()));
    *response = *std::move(published);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* Service::Rpcs::History(grpc::CallbackServerContext* context,
                                                 const v1::HistoryRequest* request,
                                                 v1::HistoryResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (request->channel().empty()) {
    reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, "no channel"});
    return reactor;
  }
  bus_.ReadHistory(request->channel(), [reactor, response, limit = bus_.limits().history_events](
                                           const absl::StatusOr<bus::Snapshot>& snapshot) {
    if (!snapshot.ok()) return reactor->Finish(rpc::ToGrpc(snapshot.status()));
    FillSnapshot(*snapshot, limit, response->mutable_snapshot());
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* Service::Rpcs::Subscribe(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  grpc::ByteBuffer bytes(*request);
  v1::SubscribeRequest parsed;
  const grpc::Status status =
      grpc::SerializationTraits<v1::SubscribeRequest>::Deserialize(&bytes, &parsed);
  const auto& channels = parsed.channels();
  const bool valid = status.ok() && std::none_of(channels.begin(), channels.end(), [](auto& point) {
                       return point.channel().empty();
                     });
  if (!valid) parsed.clear_channels();
  EventStream* stream = streams_->Open(context, parsed);
  if (!valid) {
    stream->End(absl::InvalidArgumentError("no SubscribeRequest, or a channel without a name"));
  }
  return stream;
}

Service::Service(boost::asio::io_context& loop, bus::MessageBus& bus,
                 prometheus::Registry& registry, size_t max_stream_bytes)
    : bus_(bus),
      streams_(std::make_shared<Streams>(loop, bus, registry, max_stream_bytes)),
      rpcs_(std::make_unique<Rpcs>(*this, loop, bus, streams_)) {}

Service::~Service() { Stop(); }

grpc::Service* Service::grpc_service() { return rpcs_.get(); }

void Service::Publish(v1::PublishRequest request, absl::Time deadline,
                      base::Callback<v1::PublishResponse> done) {
  if (absl::Status valid = Check(request); !valid.ok()) return std::move(done)(std::move(valid));
  const auto messages = static_cast<size_t>(request.drafts_size());
  std::string channel = request.channel();
  std::vector<trace::Trace> traces = TracesOf(request);
  std::string traced_channel = traces.empty() ? std::string() : channel;
  bus_.Publish(
      std::move(channel), ToBatch(std::move(request), deadline),
      [messages, began = absl::Now(), &metrics = streams_->metrics(), traces = std::move(traces),
       traced_channel = std::move(traced_channel),
       done = std::move(done)](const absl::StatusOr<bus::Receipt>& receipt) mutable {
        const absl::Duration took = absl::Now() - began;
        if (!receipt.ok()) {
          metrics.CountPublished(absl::StatusCodeToString(receipt.status().code()), messages, took);
          NotePublished(traces, traced_channel, absl::StatusCodeToString(receipt.status().code()));
          return std::move(done)(receipt.status());
        }
        v1::PublishResponse response;
        response.set_outcome(ToOutcome(receipt->outcome));
        response.set_next_sequence(receipt->next_sequence);
        response.set_epoch(receipt->position.epoch);
        response.set_offset(receipt->position.offset);
        metrics.CountPublished(v1::PublishResponse::Outcome_Name(response.outcome()), messages,
                               took);
        NotePublished(traces, traced_channel,
                      v1::PublishResponse::Outcome_Name(response.outcome()));
        std::move(done)(std::move(response));
      });
}

void Service::Subscribe(const v1::SubscribeRequest& request, std::shared_ptr<Reader> reader) {
  streams_->Add(std::move(reader), request);
}

void Service::Unsubscribe(std::shared_ptr<Reader> reader) { streams_->Remove(std::move(reader)); }

void Service::Start() { streams_->Start(); }

void Service::EndStreams() {
  rpcs_->EndPublishes();
  streams_->EndAll();
}

void Service::Stop() { streams_->Stop(); }

}  // namespace gischat::fanout
