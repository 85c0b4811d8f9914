"""What the README tells operators to do with docker-compose, done while people talk."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import threading
from pathlib import Path

from engine import Compose
from manifests import ROOT
from through_nginx import TlsForwarder

import tools  # noqa: F401  (finds the modules of the conformance suite)
from chat_client import ChatClient
from http_client import Address, request
from processes import wait_until
from websocket_client import Closed, HandshakeRefused

CHANNEL = "QGIS"
HISTORY = "gischat:{gischat:QGIS}:history"  # in Redis


class Talker(threading.Thread):
    """Says numbered words, each as soon as the last one came back."""

    def __init__(self, address: Address, name: str) -> None:
        super().__init__(daemon=True)
        self.name = name
        self.said = 0
        self.fault: str | None = None
        self._ended = threading.Event()
        self._client = ChatClient(address, "QGIS")

    def run(self) -> None:
        try:
            while not self._ended.wait(0.02):
                self._client.say(f"{self.name} {self.said}", self.name)
                while (message := self._client.receive()).get("author") != self.name:
                    if message["type"] == "uncompliant":
                        raise AssertionError(message.raw)
                self.said += 1
        except (AssertionError, OSError, Closed) as error:
            self.fault = f"{self.name}: {error!r}"

    def end(self) -> None:
        self._ended.set()
        self.join()


class Hearer(threading.Thread):
    """Keeps every text that comes."""

    def __init__(self, address: Address) -> None:
        super().__init__(daemon=True)
        self.heard: list[str] = []
        self._client = ChatClient(address, "QGIS")

    def run(self) -> None:
        try:
            while True:
                message = self._client.receive(60)
                if message["type"] == "text":
                    self.heard.append(message["text"])
        except (OSError, Closed, AssertionError):
            pass

    def end(self) -> None:
        self._client.socket.abort()
        self.join()


class Load:
    """gischat-load, which counts what is lost, doubled or out of order."""

    def __init__(self, bin_dir: Path, address: Address, seconds: int) -> None:
        self._process = subprocess.Popen(
            [
                bin_dir / "gischat-load",
                *("--url", f"ws://{address.host}:{address.port}/channel/{CHANNEL}/ws"),
                *("--clients", "30", "--senders", "10", "--rate", "40", "--payload", "150"),
                *("--duration", str(seconds)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

    def ended(self) -> bool:
        return self._process.poll() is not None

    def faults(self) -> list[str]:
        """Waits for its end."""
        text = self._process.communicate(timeout=120)[0]
        if self._process.returncode == 0:
            numbers = json.loads(text)
            print(f"under load: {numbers['sent']} messages, {numbers['deliveries']} deliveries")
            return []
        return [f"gischat-load: {text.strip()}"]


def readme_lines(words: str) -> str:
    """The one block of shell in the README that has these words."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    found = [block for block in blocks if words in block]
    if len(found) != 1:
        raise AssertionError(f"README: {len(found)} blocks of shell have {words!r}")
    return found[0]


def check_upgrade_of_services(compose: Compose, address: Address, bin_dir: Path) -> list[str]:
    """Nobody notices."""
    load = Load(bin_dir, address, 30)
    hearers = [Hearer(address) for _ in range(4)]
    for hearer in hearers:
        hearer.start()
    talkers = [Talker(address, name) for name in ("Ada", "Bob", "Cyd", "Dan")]
    for talker in talkers:
        talker.start()
    compose.shell(readme_lines("docker-compose build\nfor part in").replace("up -d", "up -d --force-recreate"))
    if load.ended():
        return ["the load ended before the upgrade did", *load.faults()]
    for talker in talkers:
        talker.end()
    faults = load.faults()
    faults += [talker.fault for talker in talkers if talker.fault]
    faults += ["a client was cut off" for hearer in hearers if not hearer.is_alive()]
    if faults:
        return faults
    for hearer in hearers:
        wait_until(lambda h=hearer: len(h.heard) >= sum(t.said for t in talkers), "all is heard")
        if hearer.heard != hearers[0].heard:
            faults.append("two clients heard different things")
        for talker in talkers:
            own = [text for text in hearer.heard if text.startswith(f"{talker.name} ")]
            if own != [f"{talker.name} {number}" for number in range(talker.said)]:
                faults.append(f"lost, doubled or out of order: what {talker.name} said")
    for hearer in hearers:
        hearer.end()
    print(f"upgrade: {sum(t.said for t in talkers)} messages, 4 hearers", flush=True)
    return faults


class Visitor(threading.Thread):
    """Comes, is told a count, goes, and comes again."""

    def __init__(self, address: Address) -> None:
        super().__init__(daemon=True)
        self.visits = 0
        self.faults: list[str] = []
        self._address = address
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            try:
                client = ChatClient(self._address, CHANNEL)
                while client.count is None:
                    client.receive_any()
                client.leave()
                self.visits += 1
            except Closed as error:
                if error.code != 1001:  # its edge went at that moment, and said so
                    self.faults.append(f"visitor: {error!r}")
            except (AssertionError, OSError, HandshakeRefused) as error:
                self.faults.append(f"visitor: {error!r}")

    def end(self) -> None:
        self._ended.set()
        self.join()


def check_upgrade_of_edges(compose: Compose, address: Address) -> list[str]:
    """Who comes meanwhile is let in."""
    visitor = Visitor(address)
    visitor.start()
    compose.shell(readme_lines("for edge in").replace("up -d", "up -d --force-recreate"))
    visitor.end()
    print(f"edges: {visitor.visits} visits", flush=True)
    return visitor.faults[:3]


def join(address: Address) -> ChatClient:
    """Somebody who has seen what is stored."""
    client = ChatClient(address, CHANNEL)
    client.until_mark(client.mark())
    return client


def check_new_certificate(
    compose: Compose, https: Address, address: Address, folder: Path
) -> list[str]:
    """It is there at once, and who is connected stays."""
    client = join(address)
    before = ssl.get_server_certificate(https)
    make_certificate(folder)
    compose.shell("docker-compose kill -s HUP nginx")
    wait_until(lambda: ssl.get_server_certificate(https) != before, "the new certificate is shown")
    client.say("still here")
    client.expect("text", text="still here")
    client.leave()
    return []


def make_certificate(folder: Path) -> None:
    """As the README says."""
    lines = readme_lines("openssl req").splitlines()
    command = " ".join(lines[1:3]).replace("\\", "").replace("build/tls", str(folder))
    subprocess.run(command, shell=True, check=True, capture_output=True)
    folder.chmod(0o755)
    (folder / "privkey.pem").chmod(0o644)


def change_settings(compose: Compose, folder: Path, settings: dict[str, str]) -> None:
    write_settings(folder, settings)
    compose.shell(readme_lines("kill -s HUP edge-1"))


def write_settings(folder: Path, settings: dict[str, str]) -> None:
    """As an editor does: another file takes the name."""
    fresh = folder / "gischat.conf.new"
    fresh.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")
    fresh.rename(folder / "gischat.conf")


def check_settings(
    compose: Compose, address: Address, folder: Path, settings: dict[str, str]
) -> list[str]:
    """A limit and a channel change at once, and nobody is cut off."""
    client = join(address)
    change_settings(
        compose,
        folder,
        settings | {"MAX_MESSAGE_LENGTH": "5", "CHANNELS": f"{settings['CHANNELS']},Field trip"},
    )
    wait_until(lambda: can_join(address, "Field trip"), "the new channel is there", 5)
    client.say("longer")
    client.expect_refusal("text", "5")
    change_settings(compose, folder, settings)
    client.leave()
    return []


def can_join(address: Address, channel: str) -> bool:
    try:
        ChatClient(address, channel).leave()
    except HandshakeRefused:
        return False
    return True


def check_addresses(
    compose: Compose, https: Address, folder: Path, settings: dict[str, str]
) -> list[str]:
    """The edges know clients by their own address, and not by what these claim."""
    networks = compose.container("nginx")["NetworkSettings"]["Networks"].values()
    # From this machine each network of nginx is reached from another address.
    one, other = (TlsForwarder(Address(net["IPAddress"], 8443)).address for net in networks)
    change_settings(compose, folder, settings | {"GISCHAT_MAX_CONNECTIONS_PER_IP": "1"})
    places: list[ChatClient] = []
    wait_until(lambda: not let_in(one, places, 6), "every edge is full for an address", 10)
    faults = []
    if let_in(one, places, 6, "203.0.113.9"):
        faults.append("an edge believes what a client says of its address")
    if not let_in(other, places, 6):
        faults.append("an edge takes nginx for the client")
    change_settings(compose, folder, settings)
    for place in places:
        place.leave()
    return faults


def let_in(address: Address, places: list[ChatClient], tries: int, claimed: str = "") -> bool:
    """Whether one of so many tries succeeds."""
    headers = {"X-Forwarded-For": claimed} if claimed else {}
    for _ in range(tries):
        try:
            places.append(ChatClient(address, CHANNEL, headers=headers))
            return True
        except HandshakeRefused as refused:
            if refused.response.status != 429:
                raise
    return False


def check_plain_http(http: Address, acme: Path) -> list[str]:
    """Port 80 has what certbot puts there, and sends all others to https."""
    challenge = acme / ".well-known/acme-challenge"
    challenge.mkdir(parents=True)
    (challenge / "token").write_text("proof", "utf-8")
    faults = []
    if request(http, "GET", "/.well-known/acme-challenge/token").text != "proof":
        faults.append("nginx does not answer Let's Encrypt")
    answer = request(http, "GET", "/status")
    if (answer.status, answer.header("Location")) != (308, f"https://{http.host}/status"):
        faults.append(f"port 80: {answer.status}, {answer.header('Location')}")
    return faults


def check_backup(compose: Compose, address: Address, folder: Path) -> list[str]:
    """What was stored is back after a restore, and what was said later is not; who is there notices
    nothing but a pause."""
    client = join(address)
    client.say("before the backup")
    client.expect("text", text="before the backup")
    compose.shell(readme_lines("--rdb /data/backup.rdb"), cwd=folder)
    client.say("after the backup")
    client.expect("text", text="after the backup")
    compose.shell(readme_lines("docker-compose stop redis"), cwd=folder)
    stored = compose("exec", "-T", "redis", "redis-cli", "--no-raw", "lrange", HISTORY, "0", "-1")
    client.expect_nothing()
    client.leave()
    if "before the backup" in stored and "after the backup" not in stored:
        return []
    return [f"after the restore {HISTORY} has {stored!r}"]
