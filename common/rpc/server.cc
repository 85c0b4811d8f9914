#include "common/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/impl/server_initializer.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/config/address.h"
#include "common/rpc/port_probe.h"

namespace gischat::rpc {
namespace {

// Learns the full names of the services of a server, which only plugins are told.
class ServiceNames : public grpc::ServerBuilderPlugin {
 public:
  explicit ServiceNames(std::vector<std::string>* names) : names_(names) {}

  std::string name() override { return "service_names"; }
  void InitServer(grpc::ServerInitializer* /*initializer*/) override {}
  void Finish(grpc::ServerInitializer* initializer) override {
    *names_ = *initializer->GetServiceList();
  }
  void ChangeArguments(const std::string& /*name*/, void* /*value*/) override {}

 private:
  std::vector<std::string>* const names_;
};

class WithServiceNames : public grpc::ServerBuilderOption {
 public:
  explicit WithServiceNames(std::vector<std::string>* names) : names_(names) {}

  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->push_back(std::make_unique<ServiceNames>(names_));
  }

 private:
  std::vector<std::string>* const names_;
};

void EnableHealthAndReflection() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

void SetTransport(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 600'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 15'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Our own pings find clients whose machine is gone.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

void AddServices(grpc::ServerBuilder& builder, const std::vector<grpc::Service*>& services) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  for (grpc::Service* service : services) builder.RegisterService(service);
}

}  // namespace

void ServerSettings::Declare(config::Table& table) {
  table.Text("GISCHAT_GRPC_ADDRESS", &address,
             "Where this service listens for the other parts. It has no authentication: never a "
             "public address.",
             config::CheckIpAddress);
  table.Number("GISCHAT_GRPC_PORT", &port, {.unit = "port"},
               "Port for the other parts; 0 picks a free one.");
}

class Server::Core {
 public:
  // Begins to listen. False: the port is taken.
  bool Start(grpc::ServerBuilder& builder) {
    builder.SetOption(std::make_unique<WithServiceNames>(&names_));
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return false;
    SetServing(false);
    return true;
  }

  void SetServing(bool serving) {
    grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
    if (health == nullptr) return;
    health->SetServingStatus("", serving);
    for (const std::string& name : names_) health->SetServingStatus(name, serving);
  }

  void Shutdown(absl::Duration grace) {
    if (std::exchange(down_, true)) return;
    SetServing(false);
    server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  }

  grpc::Server& server() { return *server_; }
  int port = 0;

 private:
  std::vector<std::string> names_;  // written once, before BuildAndStart returns
  std::unique_ptr<grpc::Server> server_;
  bool down_ = false;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(
    const ServerSettings& settings, const std::vector<grpc::Service*>& services) {
  // gRPC says only that it failed, not why.
  if (absl::Status free = ProbePort(settings.address, settings.port); !free.ok()) {
    return absl::Status(free.code(), absl::StrCat("gRPC port ", free.message()));
  }
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  SetTransport(builder);
  AddServices(builder, services);
  const std::string where = config::HostPort(settings.address, settings.port);
  auto core = std::make_unique<Core>();
  builder.AddListeningPort(where, grpc::InsecureServerCredentials(), &core->port);
  if (!core->Start(builder) || core->port == 0) {
    return absl::UnavailableError(absl::StrCat("gRPC port ", where, " is taken"));
  }
  spdlog::info("serving gRPC on {}",
               config::HostPort(settings.address, static_cast<uint16_t>(core->port)));
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

std::unique_ptr<Server> Server::InProcess(const std::vector<grpc::Service*>& services) {
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  AddServices(builder, services);
  auto core = std::make_unique<Core>();
  core->Start(builder);
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::Server(std::unique_ptr<Core> core) : core_(std::move(core)) {}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

void Server::SetServing(bool serving) { core_->SetServing(serving); }

int Server::port() const { return core_->port; }

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  return core_->server().InProcessChannel(arguments);
}

void Server::Shutdown(absl::Duration grace) { core_->Shutdown(grace); }

}  // namespace gischat::rpc
