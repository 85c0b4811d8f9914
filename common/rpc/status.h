#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace gischat::rpc {

// The two kinds of status have the same codes.
absl::Status FromGrpc(const grpc::Status& status);
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace gischat::rpc
