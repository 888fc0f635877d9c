"""Brokers of every kind, and what the device makes of each: what arrives, and what log, state, problem and doctor name.

`python -m tests.brokers [NUMBER...]` prints the table and ends with 1 where a row is not as it should be.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.table import Table

from edge import paths
from edge.doctor import service
from edge.publish import session
from edge.publish.broker import broker_of
from edge.publish.command import Command, one_of
from edge.publish.homeassistant import Discovery
from edge.publish.message import Clock, Sender
from edge.publish.mqtt import ONLINE, MqttLink
from edge.publish.presence import Presence
from edge.publish.publisher import Publisher, PublisherConfig
from edge.settings.load import load
from edge.settings.schema import Settings
from edge.tflite import read_spec
from tests.support import driver, fakes
from tests.support.certificates import authority, signed
from tests.support.contract import OpenEar
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need
from tests.support.ports import free_port
from tests.support.scripted import CONNACK, CONNECT, PUBACK, packet, read_packet

DEVICE, PREFIX, ALERTS = "stop-7", "homeassistant", 3
ALL = frozenset({"alert", "count", "discovery", "info", "models", "stats", "status", "unmasked"})
_NOWHERE = Path("/nonexistent")
_EVERYWHERE = ("max_inflight", "max_keepalive", "max_packet", "message_size", "persistence", "retain_available")
"""Settings of mosquitto that hold for every listener."""
_SETTLED_S = 25.0
UNRESPONSIVE_S = 3.0
"""In place of half a minute, so that the table takes minutes."""
_NAMES = {"model/active": "models", "camera/main/alert": "alert", "camera/main/count": "count"}
_NAMES |= {"camera/main/unmasked": "unmasked"}


@dataclass(frozen=True)
class Expected:
    """What is right: topics that arrive, and words of state, problem, log and doctor; "" for a problem: none.

    perhaps: topics that may arrive or not.
    """

    arrives: frozenset[str] = ALL
    state: str = "online"
    problem: str = ""
    log: str = "online"
    doctor: str = "ok: "
    perhaps: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """A broker: lines of mosquitto's configuration, in which {folder} holds what `files` names and the certificates.

    gate: what stands before it: one that knows 3.1.1 only, keeps every PUBACK, or lets nobody in.
    then: what else happens.
    """

    name: str
    lines: str = ""
    expected: Expected = Expected()
    settings: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    gate: str = ""
    then: str = ""


_TLS = "cafile {folder}/ca.crt\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key"
_ON = ("mqtt.tls=on", "mqtt.ca_file={folder}/ca.crt")
_ACL = "acl_file {folder}/acl"
_PASSWORDS = "allow_anonymous false\npassword_file {folder}/passwords"
_USER = (f"mqtt.user={DEVICE}", "mqtt.password_file={folder}/right")
_NONE: frozenset[str] = frozenset()
_TOO_LARGE = "not taken: homeassistant/device/maskwatch-stop-7-main/config: "
_NOT_OURS = "pattern readwrite maskwatch/1/%u/#\npattern write homeassistant/device/+/config\n"
_NOT_OURS += "pattern read homeassistant/status\n"

CASES = (
    Case("as it comes"),
    Case(
        "max_packet_size 4096",
        "max_packet_size 4096",
        Expected(
            ALL - {"discovery"},
            problem=_TOO_LARGE,
            log="accepts packets of up to 4096 bytes",
            doctor="and the broker accepts 4096",
        ),
    ),
    Case(
        "ACL denies all",
        _ACL,
        Expected(_NONE, "denied: ", "Not authorized", "denied: ", "warning: "),
        files=(("acl", "topic read $SYS/#\n"),),
    ),
    Case(
        "ACL of another name",
        _ACL,
        Expected(_NONE, "denied: ", "Not authorized", "denied: ", "warning: "),
        files=(("acl", "topic readwrite maskwatch/1/other/#\n"),),
    ),
    Case(
        "message_size_limit 400",
        "message_size_limit 400",
        Expected(ALL - {"discovery", "alert"}, "denied: ", "Packet too large", "denied: ", "warning: "),
    ),
    Case(
        "retain_available false",
        "retain_available false",
        Expected(log="retains no messages", doctor="warning: 127.0.0.1"),
    ),
    Case("max_qos 0", "max_qos 0", Expected(log="accepts QoS 0 only", doctor="warning: 127.0.0.1")),
    Case("max_qos 1", "max_qos 1"),
    Case("max_inflight_messages 1", "max_inflight_messages 1"),
    Case("max_keepalive 10", "max_keepalive 10"),
    Case("web sockets", "protocol websockets", settings=("mqtt.transport=websockets",)),
    Case(
        "max_packet_size 400: too small for alerts",
        "max_packet_size 400",
        Expected(ALL - {"discovery", "alert"}, "denied: ", "accepts 400", "denied: ", "warning: "),
    ),
    Case(
        "ACL denies alerts alone",
        _ACL,
        Expected(
            ALL - {"alert"}, "denied: maskwatch/1/stop-7/camera/main/alert", "Not authorized", "denied: ", "warning: "
        ),
        files=(("acl", "topic deny maskwatch/1/+/camera/+/alert\ntopic readwrite #\n"),),
    ),
    Case(
        "ACL denies discovery alone",
        _ACL,
        Expected(ALL - {"discovery"}, "denied: homeassistant/", "Not authorized", "denied: ", "ok: "),
        files=(("acl", "topic readwrite maskwatch/#\n"),),
    ),
    Case("the documented ACL", f"{_PASSWORDS}\n{_ACL}", settings=_USER, files=(("acl", _NOT_OURS),)),
    Case(
        "the documented ACL, another user",
        f"{_PASSWORDS}\n{_ACL}",
        Expected(frozenset({"discovery"}), "denied: ", "Not authorized", "denied: ", "warning: "),
        settings=("mqtt.user=other", "mqtt.password_file={folder}/right"),
        files=(("acl", _NOT_OURS),),
    ),
    Case(
        "a wrong password",
        _PASSWORDS,
        Expected(_NONE, "refused: ", log="refused: ", doctor="warning: "),
        settings=(f"mqtt.user={DEVICE}", "mqtt.password_file={folder}/wrong"),
    ),
    Case("TLS", _TLS, settings=_ON),
    Case(
        "TLS, of another authority",
        _TLS,
        Expected(_NONE, "tls: the broker's certificate is refused", log="tls: ", doctor="warning: "),
        settings=("mqtt.tls=on", "mqtt.ca_file={folder}/other.crt"),
    ),
    Case(
        "TLS, an authority's file that is absent",
        _TLS,
        Expected(_NONE, "tls: mqtt.ca_file: ", log="no such file", doctor="warning: "),
        settings=("mqtt.tls=on", "mqtt.ca_file={folder}/absent.crt"),
    ),
    Case(
        "TLS, wants our certificate",
        f"{_TLS}\nrequire_certificate true",
        Expected(_NONE, "tls: ", log="tls: ", doctor="warning: "),
        settings=_ON,
    ),
    Case("3.1.1 only", gate="3.1.1"),
    Case(
        "3.1.1 only, max_packet_size 4096",
        "max_packet_size 4096",
        Expected(ALL - {"discovery"}, problem=_TOO_LARGE, log="not sent: homeassistant/"),
        gate="3.1.1",
    ),
    Case("3.1.1 only, retain_available false", "retain_available false", Expected(doctor="ok: "), gate="3.1.1"),
    Case("3.1.1 only, max_qos 0", "max_qos 0", Expected(doctor="ok: "), gate="3.1.1"),
    Case("killed while alerts come, no persistence", "persistence false", then="kill"),
    Case(
        "another client takes our id",
        expected=Expected(state="taken over", log="taken over", perhaps=frozenset({"stats"})),
        settings=("mqtt.retry_max_s=5",),
        then="rival",
    ),
    Case(
        "acknowledges nothing",
        "",
        Expected(ALL, "unresponsive: ", "unresponsive: ", "unresponsive: ", "warning: "),
        gate="deaf",
    ),
    Case("takes no more clients", expected=Expected(_NONE, "mute", log="mute", doctor="warning: "), gate="full"),
    Case(
        "absent",
        "",
        Expected(_NONE, "unreachable: Connection refused", log="unreachable", doctor="warning: "),
        then="absent",
    ),
)


class Gate:
    """Stands between the device and a broker."""

    def __init__(self, port: int, kind: str) -> None:
        self.port, self._to, self._kind = free_port(), port, kind
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                if self._kind == "full":
                    client.close()
                    continue
                broker = socket.create_connection(("127.0.0.1", self._to))
                for source, sink in ((client, broker), (broker, client)):
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError, EOFError), source.makefile("rb") as stream:
            while True:
                first, body, _ = read_packet(stream)
                if first >> 4 == CONNECT and self._kind == "3.1.1" and body[6] == 5:
                    source.sendall(packet(CONNACK, b"\0\1"))
                    break
                if not (first >> 4 == PUBACK and self._kind == "deaf"):
                    sink.sendall(packet(first >> 4, body, first & 15))
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Lines(logging.Handler):
    """Keeps the lines of the product's log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    arrived: frozenset[str]
    alerts: int
    state: str
    problem: str
    log: tuple[str, ...]
    doctor: str

    def faults(self, expected: Expected) -> list[str]:
        """Return in what it is not as expected."""
        log = "\n".join(self.log)
        wrong = {
            f"arrives {sorted(self.arrived)}": self.arrived - expected.perhaps != expected.arrives - expected.perhaps,
            f"{self.alerts} alerts of {ALERTS}": "alert" in expected.arrives and self.alerts < ALERTS,
            f"state {self.state}": not self.state.startswith(expected.state),
            f"problem {self.problem}": expected.problem not in self.problem
            or bool(expected.problem) != bool(self.problem),
            f"log {log}": expected.log not in log,
            f"doctor {self.doctor}": expected.doctor not in self.doctor,
        }
        return [fault for fault, true in wrong.items() if true]


class Stand:
    """A case set up: broker, certificates and settings in a folder, and the real publisher and doctor on it."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder = case, folder
        self._write_files()
        self.open_port, port = free_port(), free_port()
        self.broker = Mosquitto(folder, port=port)
        self.broker._config.write_text(self._config(port))
        self.gate = Gate(port, case.gate) if case.gate else None

    def _config(self, port: int) -> str:
        """Return mosquitto's configuration: a second listener, with no rules, lets a witness hear what was taken."""
        own = self.case.lines.format(folder=self.folder).splitlines()
        everywhere = [line for line in own if line.startswith(_EVERYWHERE)]
        here = [line for line in own if not line.startswith(_EVERYWHERE)]
        anonymous = [] if any(line.startswith("allow_anonymous") for line in here) else ["allow_anonymous true"]
        user = ["user root"] if os.getuid() == 0 else []
        witness = [f"listener {self.open_port} 127.0.0.1", "allow_anonymous true"]
        lines = ["per_listener_settings true", *user, *everywhere, *witness, f"listener {port} 127.0.0.1"]
        return "\n".join([*lines, *anonymous, *here, ""])

    @cached_property
    def settings(self) -> Settings:
        named = [text.format(folder=self.folder) for text in self.case.settings]
        port = self.gate.port if self.gate else self.broker.port
        common = ["mqtt.host=127.0.0.1", f"mqtt.port={port}", f"device.name={DEVICE}", "homeassistant.discovery=true"]
        pace = ["mqtt.retry_min_s=0.1", "mqtt.retry_max_s=0.5", "mqtt.stats_s=0.5"]
        return load(overrides=[*common, *pace, *named], system_file=_NOWHERE).settings

    def _write_files(self) -> None:
        for name, text in (*self.case.files, ("right", "hush\n"), ("wrong", "wrong\n")):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o640)
        passwords = self.folder / "passwords"
        for user, more in ((DEVICE, ["-c"]), ("other", [])):
            subprocess.run(
                [need("mosquitto_passwd"), "-b", *more, passwords, user, "hush"], check=True, capture_output=True
            )
        ca = authority(self.folder, "ca")
        authority(self.folder, "other")
        signed(self.folder, "server", ca)
        self.folder.chmod(0o755)
        for path in self.folder.iterdir():
            if path.name not in ("right", "wrong"):
                path.chmod(0o644)


def publisher_of(settings: Settings) -> Publisher:
    """Return the real publisher, with Home Assistant's discovery and an outbox in memory."""
    sender = Sender(DEVICE, "", "main", "table", Clock(), expires_s=60.0)
    models = {"mask": read_spec(paths.models() / "mask")}
    config = PublisherConfig(
        broker_of(settings.mqtt, f"maskwatch-{DEVICE}-main"),
        sender,
        models,
        driver.on_cpu,
        driver.NoProblems(),
        Presence(sender, interval_s=30.0),
        outbox=None,
        outbox_limit=1000,
        stats_s=settings.mqtt.stats_s,
        commands=(Command("notice", one_of("ON", "OFF"), lambda _word: None),),
        accepts_commands=True,
        discovery=Discovery(PREFIX),
    )
    return Publisher(config)


def short(topic: str) -> str:
    """Return what a topic is called in the table."""
    name = topic.removeprefix(f"maskwatch/1/{DEVICE}/")
    return "discovery" if topic.startswith(f"{PREFIX}/") else _NAMES.get(name, name)


def tried(case: Case) -> Outcome:
    """Set a case up, publish on it, and return what came of it."""
    with tempfile.TemporaryDirectory(prefix="brokers-") as name:
        stand, log = Stand(case, Path(name)), Lines()
        logger = logging.getLogger("edge")
        logger.addHandler(log)
        before, logger.level = logger.level, logging.INFO
        try:
            return _outcome(stand, log)
        finally:
            logger.removeHandler(log)
            logger.level = before
            if stand.gate:
                stand.gate.close()
            stand.broker.stop()


def _outcome(stand: Stand, log: Lines) -> Outcome:
    expected = stand.case.expected
    stand.broker.start()
    ear = OpenEar(stand.open_port)
    if stand.case.then == "absent":
        stand.broker.stop()
    publisher = publisher_of(stand.settings)
    publisher.start()
    alerts = [driver.alert(f"e{number}", 0) for number in range(ALERTS)]
    publisher.put(fakes.scene((fakes.track(),), alerts=tuple(alerts), decided_at=time.monotonic()))
    with happening(stand, publisher):

        def arrived() -> list[str]:
            return [short(heard.topic) for heard in list(ear.heard) if heard.payload and "/set" not in heard.topic]

        def now(doctor: str) -> Outcome:
            publisher.put(fakes.scene((fakes.track(),), decided_at=time.monotonic()))
            received = arrived()
            named = frozenset(received) & (ALL | {"trial"})
            problem = publisher.problems()["broker"]
            return Outcome(named, received.count("alert"), publisher.state, problem, tuple(log.lines), doctor)

        eventually(lambda: not now(expected.doctor).faults(expected), _SETTLED_S, 0.2)
        outcome = now(expected.doctor)
        found = service.broker(stand.settings)
    publisher.close()
    ear.close()
    return replace(outcome, doctor=f"{found.state.value}: {found.text}")


@contextmanager
def happening(stand: Stand, publisher: Publisher) -> Iterator[None]:
    """Do to the broker what the case names."""
    rival = None
    if stand.case.then == "kill":
        assert eventually(lambda: publisher.state == ONLINE)
        stand.broker.signal(signal.SIGKILL)
        stand.broker.stop()
        stand.broker.start()
    if stand.case.then == "rival":
        broker = broker_of(stand.settings.mqtt, f"maskwatch-{DEVICE}-main")
        assert eventually(lambda: publisher.state == ONLINE)
        rival = MqttLink(broker)
        rival.start()
    try:
        yield
    finally:
        if rival:
            rival.close()


def main() -> int:
    wanted = {int(argument) for argument in sys.argv[1:]}
    table, failed = Table("", "broker", "arrives", "state", "problem", "log", "doctor", "", show_lines=True), 0
    session._UNRESPONSIVE_S = UNRESPONSIVE_S
    for number, case in enumerate(CASES, 1):
        if wanted and number not in wanted:
            continue
        outcome = tried(case)
        faults = outcome.faults(case.expected)
        sys.stderr.write(f"{number} {case.name}: {faults or 'as it should be'}\n")
        failed += bool(faults)
        missing = ", ".join(sorted(ALL - outcome.arrived))
        arrives = "all" if not missing else "nothing" if not outcome.arrived else f"all but {missing}"
        log = "\n".join(
            dict.fromkeys(line.partition(": ")[2] for line in outcome.log if line.startswith(("broker", "mqtt")))
        )
        row = (str(number), case.name, arrives, outcome.state, outcome.problem, log, outcome.doctor)
        table.add_row(*row, "\n".join(faults) or "as it should be")
    Console(width=240).print(table)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
