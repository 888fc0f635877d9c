"""What the page shows next to the image, and how it is sent."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace

import numpy as np
import pytest

from edge.data import EventType, Mask, Reason
from edge.publish.message import Clock, face_counts
from edge.show.daily import DailyLog, Sources
from edge.show.feed import Feed
from edge.show.shared_scene import SceneReader, SceneServer
from tests.support import fakes
from tests.support.fakes import Stopwatch, eventually
from tests.support.messages import alert

MIDNIGHT = time.mktime((2026, 11, 26, 0, 0, 0, 0, 0, -1))


class Day:
    """A log whose clocks and outbox the test controls."""

    def __init__(self) -> None:
        self.monotonic, self.wall = fakes.FakeClock(500.0), fakes.FakeClock(MIDNIGHT + 8 * 3600)
        self.waiting: set[str] = set()
        sources = Sources({"models": []}, lambda: {"fps_hz": 5.0}, lambda key: key in self.waiting, 60.0)
        self.log = DailyLog(sources, Clock(self.wall, self.monotonic, "boot"))

    def pass_s(self, seconds: float) -> None:
        self.monotonic.now += seconds
        self.wall.now += seconds

    def put(self, *alerts, tracks=()) -> None:
        self.log.put(fakes.scene(tracks, alerts, decided_at=self.monotonic.now))

    def composed(self) -> dict:
        return json.loads(self.log.compose())


@pytest.fixture
def day() -> Day:
    return Day()


def test_an_episode_is_one_line_from_its_start_to_its_end(day):
    day.put(alert())
    day.pass_s(9)
    day.put(alert(event_type=EventType.END, seq=1, raised_at=14.0, reason=Reason.GONE))
    (line,) = day.composed()["alerts"]
    assert (line["label"], line["duration_s"], line["reason"]) == ("without_mask", 10.0, "gone")
    assert set(line) == {"id", "label", "opened", "duration_s", "reason", "waiting", "delayed"}


def test_an_open_episode_has_no_duration_and_began_before_the_decision(day):
    day.put(alert())
    (line,) = day.composed()["alerts"]
    utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(MIDNIGHT + 8 * 3600 - 1))
    assert (line["opened"], line["duration_s"], line["reason"]) == (f"{utc}.000Z", None, None)


def test_only_an_alert_changes_the_version(day):
    day.put()
    assert day.log.version == 0
    day.put(alert(), alert(event_id="e2"))
    assert day.log.version == 2


def test_the_newest_fifty_episodes_of_a_day_are_kept_newest_first(day):
    for number in range(60):
        day.put(alert(event_id=f"e{number}"))
    assert [line["id"] for line in day.composed()["alerts"]] == [f"e{n}" for n in range(59, 9, -1)]
    day.pass_s(86_400)
    assert day.composed()["alerts"] == []


def test_an_alert_that_the_broker_does_not_accept_is_waiting_and_then_delayed_for_good(day):
    day.waiting.add("e1:0")
    day.put(alert())
    states = []
    for seconds in (1, 5, 60):
        day.pass_s(seconds)
        day.put()
        states.append((day.composed()["alerts"][0]["waiting"], day.composed()["alerts"][0]["delayed"]))
    assert states == [(False, False), (True, False), (True, True)]
    day.waiting.clear()
    day.put()
    assert (day.composed()["alerts"][0]["waiting"], day.composed()["alerts"][0]["delayed"]) == (False, True)


def test_each_person_is_counted_once_in_the_step_of_the_first_label(day):
    day.put(tracks=(fakes.track(1), fakes.track(2, Mask.UNSURE)))
    day.pass_s(600)
    day.put(tracks=(fakes.track(1, Mask.WITH_MASK), fakes.track(2, Mask.WITH_MASK)))
    counts = day.composed()["counts"]
    assert (counts["now"], counts["step_min"]) == (49, 10)
    assert {label: np.nonzero(counts[label])[0].tolist() for label in ("with_mask", "without_mask")} == {
        "with_mask": [49],
        "without_mask": [48],
    }


def test_a_new_day_starts_at_zero(day):
    day.put(tracks=(fakes.track(1),))
    day.pass_s(16 * 3600)
    day.put(tracks=(fakes.track(2),))
    counts = day.composed()["counts"]
    assert (counts["now"], counts["without_mask"]) == (0, [1] + [0] * 143)


def test_counts_from_before_the_start_are_unknown_on_that_day_only(day):
    day.pass_s(600)
    day.put()
    assert day.composed()["counts"]["known_from"] == 8 * 6
    assert day.composed()["since"]["most_alerts"] == 50
    day.pass_s(16 * 3600)
    day.put()
    assert day.composed()["counts"]["known_from"] == 0


def test_setting_the_clock_after_the_start_moves_the_start(day):
    """A Pi without a clock of its own starts in the past, and is set when it reaches the network."""
    day.wall.now -= 40 * 86_400
    day.put()
    day.pass_s(60)
    day.wall.now += 40 * 86_400 + 3600
    day.put()
    assert day.composed()["counts"]["known_from"] == 9 * 6


@pytest.mark.parametrize(
    ("after_s", "broker", "waiting", "problem"),
    [
        (1, "not started", 0, None),
        (11, "not started", 0, "not started"),
        (1, "online", 3, None),
        (1, "refused: not authorised", 0, "refused: not authorised"),
        (1, "connection lost", 3, "connection lost; alerts waiting: 3"),
    ],
)
def test_a_broker_without_connection_is_a_problem_after_some_seconds(day, after_s, broker, waiting, problem):
    state = {"broker": broker, "waiting": waiting, "problems": {"lens": "dark"}}
    day.log.adopt(replace(day.log._sources, state=lambda: state))
    day.pass_s(after_s)
    problems = day.composed()["state"]["problems"]
    assert (problems.get("broker"), problems["lens"]) == (problem, "dark")


def test_the_service_s_own_broker_problem_takes_precedence(day):
    state = {"broker": "lost", "problems": {"broker": "refused: a wrong password"}}
    day.log.adopt(replace(day.log._sources, state=lambda: state))
    assert day.composed()["state"]["problems"]["broker"] == "refused: a wrong password"


def test_the_page_gets_counts_of_people_and_nothing_else_about_them(day):
    day.put(alert(), tracks=(fakes.track(1),))
    content = day.composed()
    assert content["state"]["faces"] == face_counts([fakes.track(1)])
    assert "box" not in json.dumps(content)
    assert "track" not in json.dumps(content)


def connect_to(path) -> socket.socket:
    viewer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    viewer.connect(str(path))
    viewer.settimeout(2)
    return viewer


@pytest.fixture
def feed(tmp_path):
    composed = []
    version = [0]

    def compose() -> bytes:
        composed.append(1)
        return b"x" * 50_000 + str(version[0]).encode()

    made = Feed(tmp_path / "s.day", compose=compose, version=lambda: version[0], every_s=30.0)
    made.composed, made.count = composed, version
    yield made
    made.close()


def test_nothing_is_composed_while_nobody_is_connected(feed):
    for _ in range(5):
        feed.put(fakes.scene())
    assert feed.composed == []


def test_a_viewer_gets_a_message_at_once_and_after_every_change(feed):
    viewer = connect_to(feed.path)
    feed.put(fakes.scene())
    assert len(viewer.recv(200_000)) == 50_001
    feed.put(fakes.scene())
    feed.count[0] = 7
    feed.put(fakes.scene())
    assert viewer.recv(200_000).endswith(b"x7")
    assert len(feed.composed) == 2
    viewer.close()


def test_a_viewer_that_never_reads_misses_messages_and_delays_nobody(feed):
    stalled = connect_to(feed.path)
    feed.put(fakes.scene())
    watch = Stopwatch()
    for number in range(200):
        feed.count[0] = number
        feed.put(fakes.scene())
    assert watch.s < 1
    viewer = connect_to(feed.path)
    feed.put(fakes.scene())
    assert viewer.recv(200_000).endswith(b"x199")
    stalled.close()
    viewer.close()
    for number in range(2):
        feed.count[0] = 1000 + number
        feed.put(fakes.scene())
    assert len(feed._viewers) == 0


def test_a_closed_feed_disconnects_its_viewers(tmp_path):
    made = Feed(tmp_path / "s.day", compose=lambda: b"x", version=int, every_s=1)
    viewer = connect_to(made.path)
    made.put(fakes.scene())
    made.close()
    assert (viewer.recv(10), viewer.recv(10)) == (b"x", b"")
    assert not made.path.exists()
    viewer.close()


def test_viewers_see_the_image_of_the_given_function_at_most_at_the_given_rate(tmp_path):
    made = []

    def halve(scene):
        made.append(scene)
        return scene.frame.image // 2

    server = SceneServer(tmp_path / "s.web", max_side_px=64, status=str, redact=halve, every_s=0.3)
    scene = replace(fakes.scene(), frame=fakes.frame(image=fakes.picture(200)))
    server.put(scene)
    assert made == []
    reader = SceneReader(server.path)
    began_at = time.monotonic()
    assert eventually(lambda: server.put(scene) or len(made) == 3)
    assert time.monotonic() - began_at > 0.55
    assert (reader.newest(1)[0] == 100).all()
    reader.close()
    server.close()


def test_the_settings_on_the_page_contain_no_stream_password():
    from edge.app.web import page_sources
    from edge.settings.load import load
    from tests.support.settings import NOWHERE

    settings = load(overrides=["camera.source=rtsp://me:hush@camera/1"], system_file=NOWHERE).settings

    class Publisher:
        class outbox:  # noqa: N801 - stands for an attribute
            waits = staticmethod(lambda _key: False)

    content = json.dumps(page_sources(settings, None, Publisher, {}, dict).fixed)
    assert "hush" not in content
    assert "rtsp://" in content
