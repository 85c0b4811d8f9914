#pragma once

#include <cstdint>

namespace gischat::tests {

// A TCP port on 127.0.0.1 that nobody listens on and that no other test is given while this process
// lives. It lies below the ports that the kernel gives to outgoing connections, so that none of
// those can take it before its server does, nor while the server is away. Thread-safe.
//
// Each test process owns blocks of ports: whoever has bound a block's name in the abstract
// namespace of Unix sockets, in C++ or in Python (tests/conformance/ports.py), owns the block.
// Throws std::runtime_error when every block is taken.
uint16_t FreePort();

}  // namespace gischat::tests
