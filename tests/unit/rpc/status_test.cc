#include "common/rpc/status.h"

#include <gtest/gtest.h>

namespace gischat::rpc {
namespace {

TEST(Status, KeepsCodeAndMessageBothWays) {
  for (int code = 1; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why é");
    const grpc::Status there = ToGrpc(status);
    EXPECT_EQ(there.error_code(), static_cast<grpc::StatusCode>(code));
    EXPECT_EQ(there.error_message(), "why é");
    EXPECT_EQ(FromGrpc(there), status);
  }
}

TEST(Status, OkIsOkBothWays) {
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace gischat::rpc
