#pragma once

#include <memory>
#include <new>
#include <utility>

namespace gischat::edge::net {

// Memory of just the size that is asked for.
template <typename T>
struct ExactAllocator {
  using value_type = T;

  ExactAllocator() = default;
  template <typename U>
  ExactAllocator(const ExactAllocator<U>&) {}  // NOLINT(google-explicit-constructor)

  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, size_t count) { std::allocator<T>().deallocate(memory, count); }

  template <typename U>
  bool operator==(const ExactAllocator<U>&) const {
    return true;
  }
};

template <typename Handler>
struct ExactMemory : Handler {
  using allocator_type = ExactAllocator<char>;

  explicit ExactMemory(Handler handler) : Handler(std::move(handler)) {}

  allocator_type get_allocator() const noexcept { return {}; }
};

// A handler of what may be pending for long, and for many at once. Asio recycles the memory of
// whatever has just completed, which may be several times what is needed, and is held as long.
template <typename Handler>
ExactMemory<Handler> WithExactMemory(Handler handler) {
  return ExactMemory<Handler>(std::move(handler));
}

}  // namespace gischat::edge::net
