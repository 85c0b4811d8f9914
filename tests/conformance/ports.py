"""Ports for the servers of tests."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

# The same numbers and names stand in tests/support/ports.cc.
FIRST_PORT = 10240
PORTS_OF_BLOCK = 64
BLOCKS = (32768 - FIRST_PORT) // PORTS_OF_BLOCK

_lock = threading.Lock()
_claims: list[socket.socket] = []  # each owns a block until this process ends


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on and that no other test is given while this
    process lives.

    It lies below the ports that the kernel gives to outgoing connections, so that none of those
    can take it before its server does, nor while the server is away. Each test process owns blocks
    of ports: whoever has bound a block's name in the abstract namespace of Unix sockets owns it.
    """
    with _lock:
        return next(_ports)


def _free_ports() -> Iterator[int]:
    while True:
        first = FIRST_PORT + _claim_any() * PORTS_OF_BLOCK
        yield from filter(_is_free, range(first, first + PORTS_OF_BLOCK))


def _claim_any() -> int:
    first = random.SystemRandom().randrange(BLOCKS)
    for block in ((first + i) % BLOCKS for i in range(BLOCKS)):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0gischat-test-ports-{block}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return block
    raise RuntimeError("every block of ports is taken by another test")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed ones do not matter
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_ports = _free_ports()
