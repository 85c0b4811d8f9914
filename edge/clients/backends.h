#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/callback.h"
#include "gischat/fanout/v1/fanout.pb.h"
#include "gischat/moderation/v1/moderation.pb.h"
#include "gischat/presence/v1/presence.pb.h"

// The services behind the edge, as the edge sees them: one interface each, so that nothing above
// knows whether a call is a unary rpc, part of a stream or a fake. Thread-safe. Callbacks run on a
// thread of the client's choice; each call has its deadline and fails with kDeadlineExceeded or
// kUnavailable when the service is away.
namespace gischat::edge::clients {

// See gischat.moderation.v1.
class ModerationClient {
 public:
  virtual ~ModerationClient() = default;
  // One message; the only way for an image.
  virtual void Review(std::shared_ptr<const moderation::v1::ReviewRequest> request,
                      base::Callback<moderation::v1::ReviewResponse> done) = 0;
  // Several without an image; the answers are in the order of the requests, and as many.
  virtual void ReviewAll(std::shared_ptr<const moderation::v1::ReviewBatch> batch,
                         base::Callback<moderation::v1::ReviewBatchAnswer> done) = 0;
  // Whether the last attempt to reach the service succeeded.
  virtual bool IsReachable() = 0;
};

// See gischat.presence.v1.
class PresenceClient {
 public:
  virtual ~PresenceClient() = default;
  virtual void Attach(presence::v1::AttachRequest request,
                      base::Callback<presence::v1::AttachResponse> done) = 0;
  virtual void Report(presence::v1::ReportRequest request,
                      base::Callback<presence::v1::ReportResponse> done) = 0;
  virtual void Detach(presence::v1::DetachRequest request,
                      base::Callback<presence::v1::DetachResponse> done) = 0;
  virtual void Register(presence::v1::RegisterRequest request,
                        base::Callback<presence::v1::RegisterResponse> done) = 0;
  virtual void Unregister(presence::v1::UnregisterRequest request,
                          base::Callback<presence::v1::UnregisterResponse> done) = 0;
  virtual void ListUsers(presence::v1::ListUsersRequest request,
                         base::Callback<presence::v1::ListUsersResponse> done) = 0;
  virtual void CountConnections(presence::v1::CountConnectionsRequest request,
                                base::Callback<presence::v1::CountConnectionsResponse> done) = 0;
};

// Hears one event stream. Called from one thread at a time.
class StreamListener {
 public:
  virtual ~StreamListener() = default;
  virtual void OnResponse(const fanout::v1::SubscribeResponse& response) = 0;
  // The stream is over; nothing follows.
  virtual void OnEnd(const absl::Status& status) = 0;
};

// See gischat.fanout.v1.
class FanoutClient {
 public:
  // Ends the stream with the object: afterwards no further call to the listener begins.
  class Stream {
   public:
    virtual ~Stream() = default;
  };

  virtual ~FanoutClient() = default;
  virtual void Publish(fanout::v1::PublishRequest request, absl::Duration timeout,
                       base::Callback<fanout::v1::PublishResponse> done) = 0;
  virtual void History(fanout::v1::HistoryRequest request,
                       base::Callback<fanout::v1::HistoryResponse> done) = 0;
  virtual std::unique_ptr<Stream> Subscribe(fanout::v1::SubscribeRequest request,
                                            std::shared_ptr<StreamListener> listener) = 0;
};

}  // namespace gischat::edge::clients
