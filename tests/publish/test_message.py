"""Topics and payloads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge.counts import Entries
from edge.data import CLASSES, EventType, Mask, Metres, Notice, NoticeState, Phrase, Position, Reason
from edge.publish.message import Clock, encode, utc
from edge.publish.test_alert import build_test_alert
from tests.support import fakes
from tests.support.contract import Contract, Heard
from tests.support.driver import on_cpu
from tests.support.messages import MODEL, WALL, alert, body, sender

UUID = "66ab5499-5696-4df8-a47f-829c36f76ae7"

KEYS = """
schema event_id event_type seq session device site camera label confidence probs votes faces track_id box face_px
nearest_person_m nearest_person_interval_m people_near first_seen duration_s t_capture t_decided t_published
latency_ms stages_ms clock_synced reason model delayed expires_at
"""


def test_an_alert_has_the_agreed_keys_in_their_order():
    message = sender().alert(alert(), fakes.scene((fakes.track(),), decided_at=100.0), MODEL).now(sender().clock)
    assert list(body(message)) == KEYS.split()
    assert (message.topic, message.qos, message.retain) == ("maskwatch/1/stop-7/camera/main/alert", 1, False)
    assert message.expiry_s == 86_400


def track_at(number: int, x_m: float):
    position = Position((x_m, 0.0, 3.0), Metres(3.0, 2.5, 3.5), 0.1, 0.05)
    return replace(fakes.track(number), position=position)


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ((track_at(1, 0.0), track_at(2, 1.0), track_at(3, -1.5), track_at(4, 3.0)), [1.0, [0.87, 1.49], 2]),
        ((track_at(1, 0.0),), [None, None, 0]),
        ((fakes.track(1), track_at(2, 1.0)), [None, None, None]),
        ((), [None, None, None]),
    ],
)
def test_an_alert_states_who_is_around(tracks, expected):
    speaker = replace(sender(), near_m=2.0)
    sent = body(speaker.alert(alert(), fakes.scene(tracks), MODEL).now(speaker.clock))
    keys = ("nearest_person_m", "nearest_person_interval_m", "people_near")
    assert [sent[key] for key in keys] == expected
    assert list(sent) == KEYS.split()


def test_an_alert_says_when_it_was_decided_and_until_when_to_act():
    scene = replace(fakes.scene(decided_at=98.0), offset_s=93.0)
    sent = body(sender().alert(alert(), scene, MODEL).now(sender().clock))
    assert sent["t_decided"] == utc(WALL - 2)
    assert sent["expires_at"] == utc(WALL + 58)
    assert sent["t_published"] == utc(WALL)
    assert sent["first_seen"] == utc(WALL - 2 - 5)
    assert sent["duration_s"] == 1.0


@pytest.mark.parametrize(("after_s", "delayed"), [(0, False), (59, False), (61, True), (90_000, True)])
def test_an_alert_sent_after_it_expired_says_delayed(after_s, delayed):
    message = sender().alert(alert(), fakes.scene(decided_at=100.0), MODEL)
    assert body(message.now(sender(monotonic=100.0 + after_s).clock))["delayed"] is delayed


@pytest.mark.parametrize("jump_s", [-3e8, 3e8])
def test_a_step_of_the_wall_clock_neither_ages_nor_renews_an_alert(jump_s):
    message = sender().alert(alert(), fakes.scene(decided_at=100.0), MODEL)
    assert not body(message.now(sender(WALL + jump_s, 110.0).clock))["delayed"]
    assert body(message.now(sender(WALL + jump_s, 170.0).clock))["delayed"]


def test_an_alert_from_before_a_reboot_is_delayed_whatever_the_clocks_say():
    message = sender().alert(alert(), fakes.scene(decided_at=100.0), MODEL)
    assert body(message.now(sender(WALL, 1.0, "next boot").clock))["delayed"]


def test_an_episode_that_an_earlier_run_left_open_is_ended_with_its_reason():
    last = sender().alert(alert(seq=4), fakes.scene(decided_at=100.0), MODEL)
    sent = body(sender(WALL + 500, 600.0).restarted(last).now(sender(WALL + 500, 600.0).clock))
    assert (sent["event_id"], sent["event_type"], sent["seq"], sent["reason"]) == ("e1", "end", 5, "restart")
    assert sent["expires_at"] == utc(WALL + 560)
    assert not sent["delayed"]


def test_an_end_says_its_reason_and_the_verdict_then():
    ended = alert(event_type=EventType.END, track=fakes.track(mask=Mask.WITH_MASK), reason=Reason.MASK_ON)
    sent = body(sender().alert(ended, fakes.scene(), MODEL).now(sender().clock))
    assert (sent["reason"], sent["label"]) == ("mask_on", "with_mask")


def test_a_box_is_published_as_shares_of_the_image_and_without_an_image_not_at_all():
    sent = body(sender().alert(alert(), fakes.scene(), MODEL).now(sender().clock))
    assert sent["box"] == [round(10 / 64, 4), round(10 / 48, 4), round(30 / 64, 4), 0.625]
    blind = replace(fakes.scene(), frame=None)
    assert body(sender().alert(alert(), blind, MODEL).now(sender().clock))["box"] is None


def test_only_those_visible_are_counted_and_every_label_is_named():
    scene = fakes.scene((fakes.track(1), fakes.track(2, Mask.WITH_MASK, seen=False)))
    assert body(sender().alert(alert(), scene, MODEL).now(sender().clock))["faces"] == {
        "with_mask": 0,
        "without_mask": 1,
        "incorrect_mask": 0,
        "unsure": 0,
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1e9 + 0.5, "2001-09-09T01:46:40.500Z"), (-5, "1969-12-31T23:59:55.000Z")],
)
def test_times_are_utc_with_milliseconds(seconds, text):
    assert utc(seconds) == text


@pytest.mark.parametrize(("wall", "synced"), [(0, False), (1e9, False), (WALL, True)])
def test_a_clock_that_was_never_set_says_so(wall, synced):
    assert Clock(lambda: wall, lambda: 0).synced() is synced


def test_a_payload_never_holds_what_is_no_json():
    with pytest.raises(ValueError, match="JSON"):
        encode({"x": float("nan")})


def test_last_will_status_and_unmasked_are_plain_and_retained():
    assert (sender().online(online=False).payload, sender().online(online=False).retain) == (b"offline", True)
    assert (sender().unmasked(on=True).payload, sender().unmasked(on=True).retain) == (b"ON", True)


def test_each_person_enters_once_and_a_new_day_starts_at_zero():
    entries = Entries()
    clock = Clock(lambda: WALL)
    today = clock.today()
    for _ in range(3):
        counted = entries.count(fakes.scene((fakes.track(1), fakes.track(2, Mask.UNSURE))), today)
    assert counted == {"with_mask": 0, "without_mask": 1, "incorrect_mask": 0}
    tomorrow = Clock(lambda: WALL + 86_400).today()
    assert entries.count(fakes.scene((fakes.track(1), fakes.track(3))), tomorrow)["without_mask"] == 1


def agreed(message) -> None:
    """Hold a message against docs/schemas."""
    heard = Heard(message.topic, message.payload, message.qos, message.retain, message.expiry_s)
    assert Contract().faults(heard) == []


ALERTS = {
    "start": alert(event_id=UUID),
    "update": alert(event_id=UUID, event_type=EventType.UPDATE, seq=1, track=fakes.track(mask=Mask.UNSURE)),
    "end": alert(event_id=UUID, event_type=EventType.END, seq=2, reason=Reason.GONE),
}


@pytest.mark.parametrize("kind", ALERTS)
@pytest.mark.parametrize("seen", [True, False])
def test_every_alert_keeps_the_contract(kind, seen):
    scene = fakes.scene((fakes.track(),)) if seen else replace(fakes.scene(), frame=None)
    made = sender().alert(ALERTS[kind], scene, MODEL)
    agreed(made.now(sender().clock))
    agreed(sender().restarted(made).now(sender().clock))


def test_a_test_alert_keeps_the_contract_and_says_in_its_type_that_it_is_none():
    message = build_test_alert(sender(), MODEL)
    agreed(message)
    assert body(message)["event_type"] == "test"
    assert body(message)["event_id"] != body(build_test_alert(sender(), MODEL))["event_id"]


def test_everything_else_that_is_published_keeps_the_contract():
    who, models = replace(sender(), settings_sha256="0" * 64), {"face": MODEL, "mask": MODEL}
    for message in (
        *(who.online(online=on) for on in (True, False)),
        *(who.unmasked(on=on) for on in (True, False)),
        who.info(models, on_cpu()),
        who.models_in_force(models),
        who.models_in_force(models, {"champion": "built-in", "previous": ""}, {"face": "detector.model"}),
        who.models_in_force(models, {"champion": "0" * 64, "challenger": "1" * 64}, {"mask": "classifier.model"}),
        who.health("dark", "too little light"),
        who.problem("lens", "dark"),
        who.problem("lens", ""),
        who.count({mask.value: 1 for mask in Mask}, {mask.value: 2 for mask in CLASSES}, 0.5),
        who.setting("notice/state", "ON"),
        who.setting("alert/dwell_s/state", "1.5"),
        who.setting("detector/profile/state", "auto"),
        who.snapshot(b"\xff\xd8\xff and more"),
    ):
        agreed(message)


def test_a_retained_setting_says_what_is_in_force():
    message = sender().setting("alert/dwell_s/state", "1.5")
    assert (message.topic, message.payload) == ("maskwatch/1/stop-7/alert/dwell_s/state", b"1.5")


@pytest.mark.parametrize(
    "wrong",
    [
        {"event_type": "begin"},
        {"confidence": 1.01},
        {"seq": 1},
        {"reason": "gone"},
        {"t_decided": "2026-11-22 19:44:47"},
        {"box": [0, 0, 1]},
        {"name": "of somebody"},
        {"event_id": "e1"},
        {"label": "unsure"},
        {"faces": {"with_mask": 1}},
    ],
)
def test_the_contract_finds_an_alert_that_breaks_it(wrong):
    message = sender().alert(ALERTS["start"], fakes.scene(), MODEL).now(sender().clock)
    agreed(message)
    changed = json.dumps({**body(message), **wrong}).encode()
    assert Contract().faults(Heard(message.topic, changed, 1, retain=False, expiry_s=86_400))


@pytest.mark.parametrize("wrong", [{"qos": 0}, {"retain": True}, {"expiry_s": None}, {"topic": "maskwatch/1/a/b"}])
def test_the_contract_finds_a_wrong_envelope(wrong):
    message = sender().alert(ALERTS["start"], fakes.scene(), MODEL).now(sender().clock)
    heard = Heard(message.topic, message.payload, 1, retain=False, expiry_s=86_400)
    assert Contract().faults(replace(heard, **wrong))


def test_a_notice_is_sent_in_its_first_language_and_expires_soon():
    words = (Phrase("de", "Bitte Abstand halten"), Phrase("en", "Please keep your distance"))
    message = sender().notice(Notice(NoticeState.ON, words, 0.5))
    assert (message.topic, message.qos, message.retain, message.expiry_s) == ("maskwatch/1/stop-7/notice", 0, False, 10)
    assert body(message) == {
        "schema": 1,
        "session": "abc",
        "t": utc(WALL),
        "state": "on",
        "phrase": "Bitte Abstand halten",
        "language": "de",
    }


def test_the_end_of_a_notice_has_no_words():
    sent = body(sender().notice(Notice()))
    assert (sent["state"], sent["phrase"], "language" in sent) == ("off", "", False)
