#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "common/base/callback.h"

namespace gischat::rpc {

// Awaits an operation that reports to a base::Callback, from an Asio coroutine: the coroutine goes
// on in its own executor, whatever thread the callback runs on. The executor's context has to
// outlive the operation.
//
//   absl::StatusOr<ListUsersResponse> users = co_await rpc::Await<ListUsersResponse>(
//       [&](auto done) { presence.ListUsers(request, std::move(done)); });
//
// Capture by reference, or give the lambda a name and move it in: GCC 12 destroys what a temporary
// lambda (or aggregate) in a co_await expression holds by value twice.
template <typename T, typename Start>
boost::asio::awaitable<absl::StatusOr<T>> Await(Start start) {
  return boost::asio::async_initiate<decltype(boost::asio::use_awaitable), void(absl::StatusOr<T>)>(
      [](auto handler, Start begin) {
        auto executor = boost::asio::get_associated_executor(handler);
        std::move(begin)(base::Callback<T>(
            [handler = std::move(handler), executor](absl::StatusOr<T> result) mutable {
              boost::asio::post(
                  executor, [handler = std::move(handler), result = std::move(result)]() mutable {
                    std::move(handler)(std::move(result));
                  });
            }));
      },
      boost::asio::use_awaitable, std::move(start));
}

}  // namespace gischat::rpc
