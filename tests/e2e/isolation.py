#!/usr/bin/env python3
"""A slow step of one client holds up nobody else: 36-megapixel images beside texts.

One client sends images of 6000 x 6000 pixels one after another. Texts of two other clients in the
same channel have to come back within 50 ms in the median and 250 ms at the 99th percentile.
"""

from __future__ import annotations

import sys
import threading
import time

from e2e import deployment_of_arguments

import images
from chat_client import ChatClient, channel_path
from deployment import Deployment
from frames import Opcode, encode_frame
from messages import compact, encoded, sample
from websocket_client import WebSocket

CHANNEL = "QGIS"
IMAGES, TEXTS = 6, 400
MEDIAN_SECONDS, P99_SECONDS = 0.050, 0.250
DEADLINE_SECONDS = 120.0


class ImageSender(threading.Thread):
    """Sends images until it is told to stop, each one when the one before has come back."""

    def __init__(self, deployment: Deployment, frames: list[bytes]) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self.fault: str | None = None
        self.stop_asked = threading.Event()
        self._frames = frames
        self.edge = deployment.edges[0]
        self._socket = WebSocket(self.edge, channel_path(CHANNEL) + "/ws", timeout=60)

    def run(self) -> None:
        try:
            while not self.stop_asked.is_set():
                self._send_one(self._frames[len(self.seconds) % len(self._frames)])
        except Exception as error:  # shown by the main thread
            self.fault = repr(error)
        finally:
            self._socket.abort()

    def _send_one(self, frame: bytes) -> None:
        begin = time.monotonic()
        self._socket.send_bytes(frame)
        while True:
            text = self._socket.receive_message(60)
            if '"type":"image"' in text[:50]:
                self.seconds.append(time.monotonic() - begin)
                return
            if '"uncompliant"' in text[:50]:
                raise AssertionError(text[:300])


def image_frames() -> list[bytes]:
    """A JPEG and a PNG of 36 megapixels, as frames."""
    frames = []
    for data in (images.large_jpeg(6000, 6000), images.large_png(6000, 6000)):
        image_data = encoded(data)
        assert len(image_data) < 5_000_000, len(image_data)
        message = compact(sample("image", image_data=image_data))
        frames.append(encode_frame(Opcode.TEXT, message.encode("utf-8")))
    return frames


def round_trip(client: ChatClient, text: str) -> float:
    """Seconds until a text is back at its sender."""
    begin = time.monotonic()
    client.say(text)
    while (message := client.receive(30))["type"] != "text" or message["text"] != text:
        pass
    return time.monotonic() - begin


def measure(deployment: Deployment, sender: ImageSender) -> list[float]:
    """Round trips while images are under way."""
    near = ChatClient(sender.edge, CHANNEL)
    far = ChatClient(deployment.edges[-1], CHANNEL, "rooms")
    times: list[float] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    sender.start()
    while len(times) < TEXTS or len(sender.seconds) < IMAGES:
        assert sender.fault is None, sender.fault
        assert time.monotonic() < deadline, f"{len(times)} texts, {len(sender.seconds)} images"
        for client in (near, far):
            times.append(round_trip(client, f"text {len(times)}"))
        sender.stop_asked.wait(0.02)  # two texts in 20 ms is a lively channel
    sender.stop_asked.set()
    sender.join()
    for client in (near, far):
        client.socket.abort()
    return sorted(times)


def main() -> int:
    # Without a cache, so that the same images are decoded again and again.
    settings = {"CHANNELS": CHANNEL, "GISCHAT_IMAGE_CACHE_BYTES": "0"}
    deployment = deployment_of_arguments(__doc__ or "", settings)
    try:
        sender = ImageSender(deployment, image_frames())
        times = measure(deployment, sender)
    finally:
        problems = deployment.stop()
    assert not problems, "\n".join(problems)
    median, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(
        f"isolation {deployment.setup}: {len(times)} texts beside {len(sender.seconds)} images, "
        f"median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, max {times[-1] * 1000:.1f} ms; "
        f"an image took {max(sender.seconds):.2f} s at most"
    )
    assert median <= MEDIAN_SECONDS, f"median {median:.3f} s"
    assert p99 <= P99_SECONDS, f"p99 {p99:.3f} s"
    return 0


if __name__ == "__main__":
    sys.exit(main())
