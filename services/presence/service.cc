#include "services/presence/service.h"

#include <utility>

#include "absl/status/status.h"
#include "common/rpc/status.h"
#include "gischat/presence/v1/presence.grpc.pb.h"
#include "services/presence/calls.h"
#include "services/presence/census.h"
#include "services/presence/count_announcer.h"
#include "services/presence/sweeper.h"
#include "services/presence/timers.h"

namespace gischat::presence {
namespace {

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;

// `done`, counted.
template <typename Response>
base::Callback<Response> Counted(Census& census, const char* method,
                                 base::Callback<Response> done) {
  return [&census, method, done = std::move(done)](absl::StatusOr<Response> answer) mutable {
    census.SawCall(method, absl::StatusCodeToString(answer.status().code()));
    std::move(done)(std::move(answer));
  };
}

// Carries the calls of gRPC to Calls and back.
class Adapter final : public v1::Presence::CallbackService {
 public:
  Adapter(Calls& calls, Census& census) : calls_(calls), census_(census) {}

  ServerUnaryReactor* Attach(CallbackServerContext* context, const v1::AttachRequest* request,
                             v1::AttachResponse* response) override {
    return Answer(context, "Attach", &Calls::Attach, *request, response);
  }
  ServerUnaryReactor* Report(CallbackServerContext* context, const v1::ReportRequest* request,
                             v1::ReportResponse* response) override {
    return Answer(context, "Report", &Calls::Report, *request, response);
  }
  ServerUnaryReactor* Detach(CallbackServerContext* context, const v1::DetachRequest* request,
                             v1::DetachResponse* response) override {
    return Answer(context, "Detach", &Calls::Detach, *request, response);
  }
  ServerUnaryReactor* Register(CallbackServerContext* context, const v1::RegisterRequest* request,
                               v1::RegisterResponse* response) override {
    return Answer(context, "Register", &Calls::Register, *request, response);
  }
  ServerUnaryReactor* Unregister(CallbackServerContext* context,
                                 const v1::UnregisterRequest* request,
                                 v1::UnregisterResponse* response) override {
    return Answer(context, "Unregister", &Calls::Unregister, *request, response);
  }
  ServerUnaryReactor* ListUsers(CallbackServerContext* context, const v1::ListUsersRequest* request,
                                v1::ListUsersResponse* response) override {
    return Answer(context, "ListUsers", &Calls::ListUsers, *request, response);
  }
  ServerUnaryReactor* CountConnections(CallbackServerContext* context,
                                       const v1::CountConnectionsRequest* request,
                                       v1::CountConnectionsResponse* response) override {
    return Answer(context, "CountConnections", &Calls::CountConnections, *request, response);
  }

 private:
  template <typename Request, typename Response>
  ServerUnaryReactor* Answer(CallbackServerContext* context, const char* method,
                             void (Calls::*call)(const Request&, base::Callback<Response>),
                             const Request& request, Response* response) {
    ServerUnaryReactor* reactor = context->DefaultReactor();
    base::Callback<Response> finish = [reactor, response](absl::StatusOr<Response> answer) {
      const absl::Status status = answer.status();
      if (status.ok()) *response = *std::move(answer);
      reactor->Finish(rpc::ToGrpc(status));
    };
    (calls_.*call)(request, Counted(census_, method, std::move(finish)));
    return reactor;
  }

  Calls& calls_;
  Census& census_;
};

}  // namespace

class Service::Core {
 public:
  Core(PresenceStore& store, boost::asio::io_context& loop, const base::Clock& clock,
       const Settings& settings, prometheus::Registry& registry)
      : events_(clock),
        timers_(std::make_shared<LoopTimers>(loop)),
        announcer_(std::make_shared<CountAnnouncer>(store, events_, timers_,
                                                    settings.count_interval, registry)),
        census_(std::make_shared<Census>(clock, settings.time_to_live, registry)),
        sweeper_(std::make_shared<Sweeper>(store, events_, announcer_, census_, timers_, clock,
                                           settings.sweep_interval, settings.sweep_patience,
                                           registry)),
        calls_(store, *census_, events_, announcer_, sweeper_, settings),
        adapter_(calls_, *census_) {}

  CountAnnouncer& announcer() { return *announcer_; }
  Sweeper& sweeper() { return *sweeper_; }
  Adapter& adapter() { return adapter_; }
  Calls& calls() { return calls_; }
  Census& census() { return *census_; }

 private:
  const EventWriter events_;
  const std::shared_ptr<Timers> timers_;
  const std::shared_ptr<CountAnnouncer> announcer_;
  const std::shared_ptr<Census> census_;
  const std::shared_ptr<Sweeper> sweeper_;
  Calls calls_;
  Adapter adapter_;
};

Service::Service(PresenceStore& store, boost::asio::io_context& loop, const base::Clock& clock,
                 Settings settings, prometheus::Registry& registry)
    : core_(std::make_unique<Core>(store, loop, clock, settings, registry)) {}

Service::~Service() { Stop(); }

grpc::Service* Service::grpc() { return &core_->adapter(); }

void Service::Report(const v1::ReportRequest& request, base::Callback<v1::ReportResponse> done) {
  core_->calls().Report(request, Counted(core_->census(), "Report", std::move(done)));
}

void Service::Register(const v1::RegisterRequest& request,
                       base::Callback<v1::RegisterResponse> done) {
  core_->calls().Register(request, Counted(core_->census(), "Register", std::move(done)));
}

void Service::Unregister(const v1::UnregisterRequest& request,
                         base::Callback<v1::UnregisterResponse> done) {
  core_->calls().Unregister(request, Counted(core_->census(), "Unregister", std::move(done)));
}

void Service::Start() { core_->sweeper().Start(); }

void Service::Stop() {
  core_->sweeper().Stop();
  core_->announcer().Stop();
}

void Service::OnStoreBack() { core_->sweeper().Postpone(); }

}  // namespace gischat::presence
