#!/usr/bin/env python3
"""A TCP proxy as a process of its own, so that a link can be cut: stopped, nothing passes any more
and the connections stay open, as when a network is down; continued, they go on.

proxy.py LISTEN:TARGET... (ports of 127.0.0.1); says "ready" on stderr when it listens.
"""

from __future__ import annotations

import selectors
import socket
import sys

_CHUNK = 1 << 18
_MOST_WAITING = 1 << 20


class Pipe:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.waiting = bytearray()
        self.source_ended = False


class Proxy:
    """All links; one thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._pipes: dict[socket.socket, tuple[Pipe, Pipe]] = {}  # from it, and to it

    def listen(self, port: int, target: int) -> None:
        server = socket.create_server(("127.0.0.1", port), backlog=512)
        server.setblocking(False)
        self._selector.register(server, selectors.EVENT_READ, target)

    def run(self) -> None:
        while True:
            for key, events in self._selector.select():
                assert isinstance(key.fileobj, socket.socket)
                if key.data is not None:
                    self._accept(key.fileobj, key.data)
                elif key.fileobj in self._pipes:
                    self._serve(key.fileobj, events)

    def _accept(self, server: socket.socket, target: int) -> None:
        client, _ = server.accept()
        try:
            backend = socket.create_connection(("127.0.0.1", target), timeout=5)
        except OSError:
            client.close()
            return
        there, back = Pipe(client, backend), Pipe(backend, client)
        for end, pipes in ((client, (there, back)), (backend, (back, there))):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pipes[end] = pipes
            self._selector.register(end, selectors.EVENT_READ)

    def _serve(self, end: socket.socket, events: int) -> None:
        outward, inward = self._pipes[end]
        try:
            if events & selectors.EVENT_READ:
                data = end.recv(_CHUNK)
                outward.waiting += data
                outward.source_ended = not data
                self._flush(outward)
            if events & selectors.EVENT_WRITE:
                self._flush(inward)
        except BlockingIOError:
            pass
        except OSError:
            return self._close(outward)
        if any(pipe.source_ended and not pipe.waiting for pipe in (outward, inward)):
            return self._close(outward)
        for pipe in (outward, inward):
            self._watch(pipe.source)

    def _flush(self, pipe: Pipe) -> None:
        if not pipe.waiting:
            return
        try:
            sent = pipe.sink.send(pipe.waiting)
        except BlockingIOError:
            return
        del pipe.waiting[:sent]

    def _watch(self, end: socket.socket) -> None:
        outward, inward = self._pipes[end]
        events = 0
        if len(outward.waiting) < _MOST_WAITING and not outward.source_ended:
            events |= selectors.EVENT_READ
        if inward.waiting:
            events |= selectors.EVENT_WRITE
        known = self._selector.get_map()
        if not events:
            if end in known:
                self._selector.unregister(end)
        elif end in known:
            self._selector.modify(end, events)
        else:
            self._selector.register(end, events)

    def _close(self, pipe: Pipe) -> None:
        for end in (pipe.source, pipe.sink):
            if end in self._selector.get_map():
                self._selector.unregister(end)
            self._pipes.pop(end, None)
            end.close()


def main() -> int:
    proxy = Proxy()
    for link in sys.argv[1:]:
        listen, target = link.split(":")
        proxy.listen(int(listen), int(target))
    print("ready", file=sys.stderr, flush=True)
    proxy.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
