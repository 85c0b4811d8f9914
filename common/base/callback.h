#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace gischat::base {

// Receives the outcome of an asynchronous operation: called exactly once, on a thread of the
// operation's choice, possibly before the call that started it returns. Must not block.
template <typename T>
using Callback = absl::AnyInvocable<void(absl::StatusOr<T>)>;

// The same for operations that yield nothing but success or failure.
using StatusCallback = absl::AnyInvocable<void(absl::Status)>;

}  // namespace gischat::base
