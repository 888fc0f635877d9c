"""Encrypted connections: which ones are accepted, and the reason for those that are not."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.publish.broker import Broker, broker_of, tls_context
from edge.publish.mqtt import ONLINE, MqttLink
from edge.settings.load import load
from tests.support import certificates
from tests.support.fakes import Stopwatch, eventually
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need
from tests.support.program import command, environment


class Authority:
    """A certificate authority made as mosquitto-tls(7) describes: its certificate states no key usage."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._pair = folder, certificates.authority(folder, name, usage=False)
        self.cert = self._pair.cert

    def sign(self, name: str, host: str, *, expired: bool = False) -> tuple[Path, Path]:
        pair = certificates.signed(self._folder, name, self._pair, host=host, expired=expired)
        return pair.cert, pair.key


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "ours")


def server(
    tmp_path: Path, authority: Authority, host: str = "127.0.0.1", *more: str, expired: bool = False
) -> Mosquitto:
    cert, key = authority.sign(f"server-{host}-{expired}", host, expired=expired)
    key.chmod(0o644)
    broker = Mosquitto(tmp_path, f"cafile {authority.cert}", f"certfile {cert}", f"keyfile {key}", *more)
    broker.start()
    return broker


def state_with(broker: Mosquitto, ca_file: Path, **changes: str) -> str:
    """Return the first settled state of a link to a broker."""
    made = Broker("127.0.0.1", broker.port, "d", tls=True, ca_file=str(ca_file), retry_max_s=0.2, **changes)
    link = MqttLink(made)
    link.start()
    assert eventually(lambda: link.state != "not started", 10)
    state = link.state
    link.close()
    broker.stop()
    return state


def test_the_right_authority_and_name_are_let_in(tmp_path, authority):
    assert state_with(server(tmp_path, authority), authority.cert) == ONLINE


def test_a_certificate_of_another_authority_is_refused_and_says_so(tmp_path, authority):
    other = Authority(tmp_path, "other")
    state = state_with(server(tmp_path, authority), other.cert)
    assert state.startswith("tls: the broker's certificate is refused")
    assert "unable to get local issuer" in state or "self-signed" in state or "signature failure" in state


def test_an_expired_certificate_is_refused_and_says_so(tmp_path, authority):
    assert "expired" in state_with(server(tmp_path, authority, expired=True), authority.cert)


def test_a_certificate_for_another_host_is_refused_and_says_so(tmp_path, authority):
    state = state_with(server(tmp_path, authority, "broker.example"), authority.cert)
    assert "IP address mismatch" in state or "ostname" in state


def test_a_broker_that_wants_a_certificate_of_ours_gets_it(tmp_path, authority):
    cert, key = authority.sign("device", "device")
    broker = server(tmp_path, authority, "127.0.0.1", "require_certificate true")
    assert state_with(broker, authority.cert, cert_file=str(cert), key_file=str(key)) == ONLINE


def test_a_broker_that_wants_a_certificate_and_gets_none_says_so(tmp_path, authority):
    broker = server(tmp_path, authority, "127.0.0.1", "require_certificate true")
    assert "require a client certificate" in state_with(broker, authority.cert)


def test_a_broker_without_tls_is_sent_nothing(tmp_path, authority):
    broker = Mosquitto(tmp_path)
    broker.start()
    assert state_with(broker, authority.cert).startswith(("tls", "unreachable"))


@pytest.mark.parametrize(
    ("overrides", "tls", "port"),
    [
        (["mqtt.host=broker.example"], True, 8883),
        (["mqtt.host=192.0.2.7"], True, 8883),
        (["mqtt.host=broker.example", "mqtt.port=1883"], True, 1883),
        (["mqtt.host=broker.example", "mqtt.tls=off"], False, 1883),
        (["mqtt.host=127.0.0.1"], False, 1883),
        (["mqtt.host=::1"], False, 1883),
        (["mqtt.host=localhost"], False, 1883),
        (["mqtt.host=localhost", "mqtt.tls=on"], True, 8883),
        (["mqtt.host=embedded"], False, 1883),
    ],
)
def test_every_broker_that_is_not_on_this_machine_is_spoken_to_in_cipher(overrides, tls, port):
    broker = broker_of(load(overrides=overrides).settings.mqtt, "c")
    assert (broker.tls, broker.port) == (tls, port)


def test_a_file_that_is_no_certificate_is_named(tmp_path, authority):
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"mqtt\.ca_file: .*/ca\.pem: no certificate can be read from it"):
        tls_context(broker_of(load(overrides=["mqtt.host=b.example", f"mqtt.ca_file={path}"]).settings.mqtt, "c"))
    cert, _ = authority.sign("mine", "mine")
    _, key = authority.sign("theirs", "theirs")
    with pytest.raises(ConfigError, match=r"mqtt\.cert_file, mqtt\.key_file: .*do not belong together"):
        tls_context(Broker("h", 1, "c", tls=True, cert_file=str(cert), key_file=str(key)))


def test_a_key_with_a_passphrase_is_named_and_nobody_is_asked_for_it(tmp_path, authority):
    cert, key = authority.sign("device", "device")
    locked = tmp_path / "locked.key"
    locking = ("ec", "-aes128", "-passout", "pass:secret", "-in", str(key), "-out", str(locked))
    subprocess.run([need("openssl"), *locking], check=True, capture_output=True)
    with pytest.raises(ConfigError, match=r"locked\.key"):
        tls_context(Broker("h", 1, "c", tls=True, cert_file=str(cert), key_file=str(locked)))


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("torn"), lambda path: path.write_text("")])
def test_a_file_that_cannot_be_read_at_one_reconnect_is_a_state_and_ends_nothing(tmp_path, authority, name, harm):
    cert, key = authority.sign("device", "device")
    broker = server(tmp_path, authority, "127.0.0.1", "require_certificate true")
    files = {"ca_file": authority.cert, "cert_file": cert, "key_file": key}
    files = {kind: Path(shutil.copy(path, tmp_path / kind)) for kind, path in files.items()}
    where = {kind: str(path) for kind, path in files.items()}
    link = MqttLink(Broker("127.0.0.1", broker.port, "d", tls=True, retry_min_s=0.05, retry_max_s=0.2, **where))
    link.start()
    assert eventually(lambda: link.state == ONLINE), link.state
    whole = files[name].read_bytes()
    harm(files[name])
    broker.stop()
    broker.start()
    assert eventually(lambda: link.state.startswith("tls: mqtt.") and str(files[name]) in link.state), link.state
    link.check()
    files[name].write_bytes(whole)
    assert eventually(lambda: link.state == ONLINE), link.state
    link.close()
    broker.stop()


def test_a_run_whose_ca_is_absent_at_the_start_says_so_and_connects_when_it_is_there(tmp_path, authority):
    """On a machine whose certificates come by network, the file may be there a minute later."""
    broker, ca, settings = server(tmp_path, authority), tmp_path / "late.crt", tmp_path / "m.toml"
    settings.write_text(f"[mqtt]\nhost = '127.0.0.1'\nport = {broker.port}\nca_file = '{ca}'\nretry_max_s = 0.5\n")
    log = tmp_path / "log"
    with log.open("w") as err:
        line = command("run", "--source", "demo", "--headless", "--config", settings)
        watch = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=err, env=environment())
        assert eventually(lambda: f"tls: mqtt.ca_file: {ca}: no such file" in log.read_text(), 40), log.read_text()
        shutil.copy(authority.cert, ca)
        assert eventually(lambda: "online" in log.read_text(), 20), log.read_text()
        watch.terminate()
        assert watch.wait(10) == 0
    broker.stop()


def test_two_clients_with_one_id_do_not_throw_each_other_out_fast(mosquitto, caplog):
    caplog.set_level("INFO")
    links = [MqttLink(Broker("127.0.0.1", mosquitto.port, "same", retry_max_s=30.0)) for _ in range(2)]
    links[0].start()
    assert eventually(lambda: links[0].state == ONLINE)
    links[1].start()
    assert eventually(lambda: "taken over" in caplog.text, 30)
    lines = caplog.text.count("\n")
    threading.Event().wait(6)
    assert sum(link.connections for link in links) <= 10
    assert caplog.text.count("\n") <= lines + 3
    for link in links:
        link.close()


def test_a_dead_link_is_found_within_one_and_a_half_keepalives(mosquitto):
    import signal

    link = MqttLink(Broker("127.0.0.1", mosquitto.port, "d", keepalive_s=5))
    link.start()
    assert eventually(lambda: link.state == ONLINE)
    mosquitto.signal(signal.SIGSTOP)
    watch = Stopwatch()
    assert eventually(lambda: link.state != ONLINE, 30)
    assert watch.s <= 1.5 * 5
    mosquitto.signal(signal.SIGCONT)
    link.close()
