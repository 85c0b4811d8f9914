#include "services/presence/service.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "common/bus/memory_bus.h"
#include "common/rpc/server.h"
#include "gischat/presence/v1/presence.grpc.pb.h"
#include "services/presence/memory_presence_store.h"
#include "tests/support/loop_thread.h"
#include "tests/support/wait_until.h"
#include "tests/unit/presence/moody_store.h"

namespace gischat::presence {
namespace {

// The service behind gRPC, as an edge sees it.
class ServiceTest : public testing::Test {
 protected:
  ServiceTest() { settings_.sweep_patience = absl::Milliseconds(20); }
  void Serve() {
    service_ =
        std::make_unique<Service>(store_, loop_.loop(), base::SystemClock(), settings_, registry_);
    server_ = rpc::Server::InProcess({service_->grpc()});
    server_->SetServing(true);
    service_->Start();
    stub_ = v1::Presence::NewStub(server_->InProcessChannel());
  }
  ~ServiceTest() override {
    stub_.reset();
    server_->Shutdown(absl::Seconds(5));
    service_->Stop();
    loop_.Stop();
  }

  std::string Attach() {
    grpc::ClientContext context;
    v1::AttachResponse response;
    EXPECT_TRUE(stub_->Attach(&context, v1::AttachRequest(), &response).ok());
    return response.lease();
  }
  grpc::Status Report(const std::string& lease, uint64_t sequence, v1::ReportResponse* response) {
    v1::ReportRequest request;
    request.set_lease(lease);
    request.set_sequence(sequence);
    request.set_announce(sequence == 1);
    request.add_holdings()->set_channel("QGIS");
    request.mutable_holdings(0)->set_connections(3);
    grpc::ClientContext context;
    return stub_->Report(&context, request, response);
  }
  uint64_t Connections() {
    v1::CountConnectionsRequest request;
    request.add_channels("QGIS");
    grpc::ClientContext context;
    v1::CountConnectionsResponse response;
    EXPECT_TRUE(stub_->CountConnections(&context, request, &response).ok());
    return response.counts(0).connections();
  }

  tests::LoopThread loop_;
  bus::MemoryBus bus_{loop_.loop(), bus::Limits()};
  Settings settings_;
  prometheus::Registry registry_;
  MemoryPresenceStore memory_{bus_, base::SystemClock(), absl::Milliseconds(300)};
  MoodyStore store_{memory_};
  std::unique_ptr<Service> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::Presence::Stub> stub_;
};

TEST_F(ServiceTest, AnswersAnEdge) {
  Serve();
  const std::string lease = Attach();
  v1::ReportResponse report;
  ASSERT_TRUE(Report(lease, 1, &report).ok());
  EXPECT_TRUE(report.counts(0).known());
  EXPECT_EQ(Connections(), 3U);

  v1::RegisterRequest claim;
  claim.set_lease(lease);
  claim.set_channel("QGIS");
  claim.set_connection(1);
  claim.set_request_id("r1");
  claim.set_nickname("ada");
  grpc::ClientContext context;
  v1::RegisterResponse registered;
  ASSERT_TRUE(stub_->Register(&context, claim, &registered).ok());
  EXPECT_EQ(registered.outcome(), v1::RegisterResponse::REGISTERED);
}

TEST_F(ServiceTest, LeaseOfAnEdgeThatFallsSilentIsSwept) {
  settings_.sweep_interval = absl::Milliseconds(10);
  Serve();
  v1::ReportResponse report;
  ASSERT_TRUE(Report(Attach(), 1, &report).ok());
  EXPECT_TRUE(tests::WaitUntil([&] { return Connections() == 0; }));
}

TEST_F(ServiceTest, ErrorsArriveWithTheirCodes) {
  Serve();
  v1::ReportResponse report;
  EXPECT_EQ(Report("", 1, &report).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  store_.away = true;
  EXPECT_EQ(Report("a", 1, &report).error_code(), grpc::StatusCode::UNAVAILABLE);
  const std::string metrics = prometheus::TextSerializer().Serialize(registry_.Collect());
  for (const char* code : {"INVALID_ARGUMENT", "UNAVAILABLE"}) {
    EXPECT_NE(metrics.find(std::string("gischat_presence_calls_total{code=\"") + code +
                           "\",method=\"Report\"} 1"),
              std::string::npos)
        << metrics;
  }
}

}  // namespace
}  // namespace gischat::presence
