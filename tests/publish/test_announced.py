"""What was announced and is no longer is taken away: after a reload, a restart and a kill, by real brokers."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.publish.announced import Announced, Memory
from tests.support.contract import OpenEar, retained
from tests.support.device import end, wait_for, watch
from tests.support.fakes import eventually
from tests.support.program import command, environment

AT = "broker.example:8883"
CONFIG = "homeassistant/device/maskwatch-stop-7-main/config"
FULL, LESS = (
    json.dumps({"dev": {}, "cmps": {key: {"p": kind, "name": key} for key, kind in cmps.items()}})
    for cmps in ({"fps": "sensor", "snapshot": "image", "notice": "switch"}, {"fps": "sensor"})
)


def announced(folder: Path | None, name: str, now: dict[str, str], at: str = AT) -> Announced:
    made = Announced()
    made.announce(Memory(folder, at), name, now, {})
    return made


def sent(of: Announced) -> list[tuple[str, bytes]]:
    return [(message.topic, message.payload) for _, message in of.withdrawals()]


def settle(of: Announced) -> None:
    for key, _ in of.withdrawals():
        if key:
            of.settle(key)


def test_components_that_are_no_longer_there_are_first_sent_as_removed_and_then_left_out():
    memory = announced(None, "a", {CONFIG: FULL, "maskwatch/1/status": ""})
    assert sent(memory) == []
    memory.announce(Memory(None, AT), "a", {CONFIG: LESS, "maskwatch/1/status": ""}, {})
    (first, removed), (second, rest) = sent(memory)
    assert first == second == CONFIG
    assert list(json.loads(removed)["cmps"].items()) == [
        ("snapshot", {"p": "image"}),
        ("notice", {"p": "switch"}),
        ("fps", {"p": "sensor", "name": "fps"}),
    ]
    assert rest.decode() == LESS
    memory.announce(Memory(None, AT), "a", {CONFIG: LESS, "maskwatch/1/status": ""}, {})
    assert len(sent(memory)) == 2, "until the broker has it"
    settle(memory)
    assert sent(memory) == []


def test_a_later_run_takes_away_what_an_earlier_one_announced_under_another_name(tmp_path):
    announced(tmp_path, "a", {CONFIG: FULL, "maskwatch/1/a/status": "", "maskwatch/1/both": ""}).close()
    later = announced(tmp_path, "b", {"maskwatch/1/b/status": "", "maskwatch/1/both": ""})
    assert sent(later) == [("maskwatch/1/a/status", b""), (CONFIG, b"")] or sent(later) == [
        (CONFIG, b""),
        ("maskwatch/1/a/status", b""),
    ]
    later.close()
    again = announced(tmp_path, "b", {"maskwatch/1/b/status": "", "maskwatch/1/both": ""})
    assert len(again.withdrawals()) == 2, "until the broker has it, whatever happens between"
    settle(again)
    again.close()
    assert sent(announced(tmp_path, "b", {"maskwatch/1/b/status": "", "maskwatch/1/both": ""})) == []
    assert [path.name for path in tmp_path.glob("*.json")] == ["announced-b.json"]


def test_what_another_maskwatch_of_the_folder_announces_stays_as_long_as_that_runs(tmp_path):
    other = announced(tmp_path, "door", {"maskwatch/1/door/status": "", "maskwatch/1/status": ""})
    before = announced(tmp_path, "main", {"maskwatch/1/main/status": "", "maskwatch/1/status": ""})
    assert sent(before) == []
    before.close()
    renamed = announced(tmp_path, "gate", {"maskwatch/1/gate/status": ""})
    assert sent(renamed) == [("maskwatch/1/main/status", b"")], "the other still uses status"
    other.close()
    renamed.announce(Memory(tmp_path, AT), "gate", {"maskwatch/1/gate/status": ""}, {})
    assert {topic for topic, _ in sent(renamed)} == {
        f"maskwatch/1/{name}" for name in ("main/status", "door/status", "status")
    }


def test_where_nothing_is_remembered_what_an_older_version_announced_is_taken_away_once(tmp_path):
    now, former = {"homeassistant/device/stop-7/config": FULL}, {CONFIG: FULL}
    memory = Announced()
    memory.announce(Memory(tmp_path / "new", AT), "a", now, former)
    assert sent(memory) == [], "no older version has run here"
    memory.close()
    (tmp_path / "outbox-main.db").touch()
    for expected in ([(CONFIG, b"")], []):
        memory = Announced()
        memory.announce(Memory(tmp_path, AT), "a", now, former)
        assert sent(memory) == expected
        settle(memory)
        memory.close()


def test_what_a_broker_does_not_let_go_is_tried_on_two_connections_and_named(tmp_path, caplog):
    """mosquitto 2.0.11 ends the connection at an empty message that its ACL denies."""
    announced(tmp_path, "a", {"maskwatch/1/a/status": ""}).close()
    later = announced(tmp_path, "b", {"maskwatch/1/b/status": ""})
    assert [len(later.withdrawals(number)) for number in (1, 1, 1, 2, 2, 3, 4)] == [1, 1, 1, 1, 1, 0, 0]
    assert caplog.text.count("mosquitto_pub -r -n -t maskwatch/1/a/status") == 1
    later.close()
    assert sent(announced(tmp_path, "b", {"maskwatch/1/b/status": ""})) == []


def test_it_is_remembered_by_broker_and_for_a_bounded_number_of_them(tmp_path):
    announced(tmp_path, "a", {"maskwatch/1/a/status": ""}, "one").close()
    other = announced(tmp_path, "b", {"maskwatch/1/b/status": ""}, "two")
    assert sent(other) == []
    other.close()
    back = announced(tmp_path, "b", {"maskwatch/1/b/status": ""}, "one")
    assert sent(back) == [("maskwatch/1/a/status", b"")]
    for number in range(50):
        back.announce(Memory(tmp_path, f"broker {number}"), "b", {"maskwatch/1/b/status": ""}, {})
    assert len(json.loads((tmp_path / "announced-b.json").read_text())) == 8


def test_two_with_one_name_and_one_folder_do_not_write_into_each_others_memory(tmp_path):
    first = announced(tmp_path, "a", {"maskwatch/1/status": ""})
    second = announced(tmp_path, "a", {"maskwatch/1/count": ""})
    assert sent(second) == []
    assert json.loads((tmp_path / "announced-a.json").read_text()) == {AT: {"maskwatch/1/status": ""}}
    first.close()
    second.close()


def test_a_folder_that_cannot_be_written_is_named_and_the_process_remembers(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    memory = announced(tmp_path / "file/folder", "a", {"maskwatch/1/a": ""})
    assert "cannot remember what is announced" in caplog.text
    memory.announce(Memory(tmp_path / "file/folder", AT), "a", {"maskwatch/1/b": ""}, {})
    assert sent(memory) == [("maskwatch/1/a", b"")]


JSON = st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))


@given(
    st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(lambda v: json.dumps({AT: v}).encode())
)
def test_a_damaged_file_is_forgotten(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("announced")
    (folder / "announced-a.json").write_bytes(content)
    memory = announced(folder, "a", {CONFIG: FULL})
    settle(memory)
    memory.close()
    assert json.loads((folder / "announced-a.json").read_text())[AT] == {CONFIG: FULL}


def test_a_damaged_file_is_set_aside_and_named_once(tmp_path, caplog):
    path = tmp_path / "announced-main.json"
    path.write_bytes(b'{"broker": {"maskwatch/1/x/stat\xf5s": ""}}')
    for _ in range(2):
        announced(tmp_path, "main", {"maskwatch/1/x/status": ""}).close()
    assert caplog.text.count("set aside as announced-main.json.damaged") == 1
    assert b"\xf5" in (tmp_path / "announced-main.json.damaged").read_bytes()
    assert json.loads(path.read_text())


FIRST = ("mqtt.snapshot=true",)
COMMANDS = {"notice", "dwell", "profile", "test_alert"}
PEOPLE = {"with_mask", "without_mask", "incorrect_mask", "unsure", "entries", "unmasked", "alert"}
STATES = r"stop-7/(notice|alert/dwell_s|detector/profile)/state"
CHANGES = {
    "snapshot": (("mqtt.snapshot=false",), {"snapshot"}, "no topic"),
    "commands": ((*FIRST, "mqtt.commands=off"), COMMANDS, "no topic"),
    "aggregate": (
        (*FIRST, "privacy.aggregate=true"),
        PEOPLE | COMMANDS | {"snapshot", "accuracy", "drift"},
        rf"stop-7/camera/main/(unmasked|count)|stop-7/drift|{STATES}",
    ),
    "discovery off": ((*FIRST, "homeassistant.discovery=false"), set(), CONFIG),
    "prefix": ((*FIRST, "homeassistant.prefix=ha2"), set(), CONFIG),
    "device": ((*FIRST, "device.name=站一"), set(), f"{CONFIG}|stop-7/"),
    "camera": ((*FIRST, "camera.name=door"), set(), f"{CONFIG}|stop-7/camera/main/"),
}
"""By what changes: the settings of the second start, the entities that are removed, the topics that are cleared."""


def is_up(port: int, gone: str) -> bool:
    """Return whether a device is online and nothing is retained that should be gone."""
    topics = retained(port)
    online = any(topic.endswith("/status") and payload == b"online" for topic, payload in topics.items())
    return online and any("/health" in topic for topic in topics) and not re.search(gone, " ".join(topics))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_start_with_other_settings_no_longer_announces_is_gone(tmp_path, mosquitto, change):
    """The first run is killed, so that nothing but the memory on disk can know what it announced."""
    more, removed, gone = CHANGES[change]
    ear, outbox = OpenEar(mosquitto.port), tmp_path / "outbox.db"
    first = watch(mosquitto, "stop-7", "usb:63", outbox, *FIRST)
    assert eventually(lambda: is_up(mosquitto.port, "no topic"), 30)
    assert re.search(gone, " ".join(retained(mosquitto.port))) or removed
    first.kill()
    first.communicate()
    mark = len(ear.heard)
    second = watch(mosquitto, "stop-7", "usb:63", outbox, *more)
    assert eventually(lambda: is_up(mosquitto.port, gone), 30), retained(mosquitto.port)
    end(second)
    ear.close()
    configs = [json.loads(h.payload)["cmps"] for h in ear.heard[mark:] if h.topic == CONFIG and h.payload]
    stubs = [{key for key, component in cmps.items() if set(component) == {"p"}} for cmps in configs]
    assert (removed in stubs) == bool(removed)
    assert not configs or configs[-1].keys().isdisjoint(removed)
    assert set(json.loads((tmp_path / f"announced-{NAMES.get(change, 'maskwatch-stop-7-main')}.json").read_text())) == {
        f"127.0.0.1:{mosquitto.port}"
    }


NAMES = {
    "device": f"maskwatch-__-main-{hashlib.sha256('站一/main'.encode()).hexdigest()[:12]}",
    "camera": "maskwatch-stop-7-door",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("outbox", ["outbox.db", "memory"])
def test_what_a_reload_no_longer_announces_is_gone(tmp_path, mosquitto, outbox):
    """As reported: snapshot and commands off, then discovery off, each by `systemctl reload`; also without a disk."""
    config, ear = tmp_path / "config.toml", OpenEar(mosquitto.port)
    kept = "memory" if outbox == "memory" else tmp_path / outbox
    head = f"[mqtt]\nhost='127.0.0.1'\nport={mosquitto.port}\noutbox='{kept}'\nstats_s=0.5\n"
    tail = "[device]\nname='stop-7'\n[homeassistant]\n"
    config.write_text(f"{head}snapshot=true\n{tail}discovery=true\n")
    arguments = ("--config", config, "--source", "usb:63", "--headless")
    process = subprocess.Popen(command("run", *arguments), stderr=subprocess.PIPE, text=True, env=environment())
    assert eventually(lambda: is_up(mosquitto.port, "no topic"), 30)
    config.write_text(f"{head}commands='off'\n{tail}discovery=true\n")
    process.send_signal(signal.SIGHUP)
    wait_for(
        ear, CONFIG, lambda payload: b'"snapshot":{"p":"image"}' in payload and b'"dwell":{"p":"number"}' in payload
    )
    wait_for(ear, CONFIG, lambda payload: payload and b"snapshot" not in payload and b"dwell" not in payload)
    config.write_text(f"{head}commands='off'\n{tail}")
    process.send_signal(signal.SIGHUP)
    wait_for(ear, CONFIG, b"".__eq__)
    assert eventually(lambda: is_up(mosquitto.port, CONFIG), 30)
    end(process)
    ear.close()


def test_an_announcement_that_stays_is_never_called_one_that_cannot_be_removed(caplog):
    stays = json.dumps(json.loads(FULL), separators=(",", ":"))
    memory = announced(None, "a", {CONFIG: stays})
    memory.announce(Memory(None, AT), "a", {CONFIG: stays}, {})
    assert [memory.withdrawals(number) for number in range(1, 6)] == [[]] * 5
    assert caplog.text == ""


def test_a_run_that_loses_its_folder_goes_on_in_memory(tmp_path):
    memory = announced(tmp_path, "a", {"maskwatch/1/a/status": ""})
    memory.announce(Memory(None, AT), "a", {"maskwatch/1/b/status": ""}, {})
    assert sent(memory) == [("maskwatch/1/a/status", b"")]
    memory.close()
