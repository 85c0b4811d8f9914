#include "common/rpc/status.h"

#include <string>

namespace gischat::rpc {

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

grpc::Status ToGrpc(const absl::Status& status) {
  const std::string words(status.message());
  return {static_cast<grpc::StatusCode>(status.code()), words};
}

}  // namespace gischat::rpc
