"""Topics and payloads.

Topics begin with ROOT/DEVICE/, ROOT being maskwatch/1 unless a setting names another; times are UTC, ISO 8601; no field
identifies a person.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.boxes import relative
from edge.clock import Clock as Clock  # noqa: PLC0414 - a Sender needs one
from edge.clock import seconds_of
from edge.clock import utc as utc  # noqa: PLC0414
from edge.data import CLASSES, EventType, Mask, Reason
from edge.distance.proximity import proximity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edge.data import Alert, Notice, Scene, Track
    from edge.distance.proximity import Proximity
    from edge.publish.aggregate import Aggregate
    from edge.tflite import ModelSpec

ROOT = "maskwatch/1"
SCHEMA = 1
DAY_S = 86_400
WITHDRAWN = "withdrawn "
"""Begins the key of a message that removes what a topic has retained."""
PROBLEMS = (
    "broker",
    "camera",
    "delegate",
    "drift",
    "history",
    "lens",
    "model",
    "notice",
    "outbox",
    "plugin",
    "settings",
)
"""The names in `problem/NAME`."""
_SNAPSHOT_S = 60
_NOTICE_S = 10
_STAGES = ("capture", "queue", "detect", "classify", "vote", "dwell", "publish")
"""A notice is for the people who are here now; a sign that connects later does not need it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message; expiry_s is sent with MQTT 5 only."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """An alert that waits for its delivery, without what depends on the moment of sending.

    key: what a consumer dedupes on, "EVENT_ID:SEQ".
    boot, expires_at: the id of the boot and the seconds since then, so that no step of the wall clock makes an old
    alert appear new.
    """

    key: str
    topic: str
    body: dict[str, Any]
    boot: str
    expires_at: float

    @property
    def event_id(self) -> str:
        """The id of the episode."""
        return str(self.body["event_id"])

    @property
    def event_type(self) -> str:
        """start, update or end."""
        return str(self.body["event_type"])

    def now(self, clock: Clock) -> Message:
        """Return the message as sent now: `delayed` where it has expired, or comes from before a reboot."""
        delayed = self.boot != clock.boot or clock.monotonic() > self.expires_at
        body = {**self.body, "t_published": utc(clock.wall()), "delayed": delayed}
        if body.get("stages_ms"):  # an outbox may hold alerts of a version without them
            waited_ms = None if delayed else _ms(max(0.0, clock.wall() - seconds_of(body["t_decided"])))
            body["stages_ms"] = {**body["stages_ms"], "publish": waited_ms}
        return Message(self.topic, encode(body), qos=1, expiry_s=DAY_S)


def part_of(root: str) -> str:
    """Return what a root adds to the usual one: "staging" of maskwatch/1-staging; "" of the usual one."""
    return root.removeprefix(ROOT).removeprefix("-")


def left_open(alerts: Iterable[AlertMessage]) -> list[AlertMessage]:
    """Return the newest alert of each episode that has no end; alerts: oldest first."""
    newest = {alert.event_id: alert for alert in alerts}
    return [alert for alert in newest.values() if alert.event_type != "end"]


def encode(body: dict[str, Any]) -> bytes:
    """Return compact JSON; refuse NaN and infinity."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def _identities(models: dict[str, ModelSpec]) -> dict[str, dict[str, str]]:
    return {kind: spec.identity for kind, spec in models.items()}


def face_counts(tracks: Iterable[Track]) -> dict[str, int]:
    """Return the number of tracks by voted label, zeros included."""
    counts = {mask.value: 0 for mask in Mask}
    for track in tracks:
        counts[track.mask.value] += 1
    return counts


@dataclass(frozen=True, slots=True)
class Sender:
    """Makes messages: what all messages of one run have in common.

    near_m: people within this distance of the person of an alert are counted as near.
    root: the first levels of every topic.
    """

    device: str
    site: str
    camera: str
    session: str
    clock: Clock
    expires_s: float
    settings_sha256: str = ""
    near_m: float = 0.0
    root: str = ROOT

    @property
    def part(self) -> str:
        """What keeps the names of another root apart, such as "staging"; empty for the usual root."""
        return part_of(self.root)

    def topic(self, name: str) -> str:
        """Return a topic of the device."""
        return f"{self.root}/{self.device}/{name}"

    def camera_topic(self, name: str) -> str:
        """Return a topic of the camera."""
        return self.topic(f"camera/{self.camera}/{name}")

    def retained(self, states: Iterable[str], *, aggregate: bool) -> list[str]:
        """Return the topics that may hold a retained message of ours; `states`: of what can be set, and of reports."""
        device = ["status", "info", "model/active", *(f"problem/{name}" for name in PROBLEMS)]
        camera = ["status", "health", *(["aggregate"] if aggregate else ["unmasked", "count"])]
        named = [self.topic(name) for name in (*device, *states)]
        return named + [self.camera_topic(name) for name in camera]

    def online(self, *, online: bool) -> Message:
        """Return the retained status of the device, which is also the last will."""
        return Message(self.topic("status"), b"online" if online else b"offline", qos=1, retain=True)

    def camera_online(self, camera: str = "", *, online: bool) -> Message:
        """Return the status of one camera of the device: ours, or another."""
        topic = self.topic(f"camera/{camera or self.camera}/status")
        return Message(topic, b"online" if online else b"offline", qos=1, retain=True)

    def unmasked(self, *, on: bool) -> Message:
        """Return whether anybody is without a mask now, `ON` or `OFF`."""
        return Message(self.camera_topic("unmasked"), b"ON" if on else b"OFF", qos=1, retain=True)

    def info(self, models: dict[str, ModelSpec], runtime: dict[str, str]) -> Message:
        """Return the versions in use.

        runtime: what runs the models: name of the library, and file name of the delegate, empty: the CPU.
        """
        body = {"schema": SCHEMA, "maskwatch": __version__, "session": self.session, "device": self.device}
        body |= {
            "site": self.site,
            "cameras": [self.camera],
            "models": _identities(models),
        }
        body |= {"runtime": runtime, "settings_sha256": self.settings_sha256}
        return Message(self.topic("info"), encode(body), qos=1, retain=True)

    def models_in_force(
        self,
        models: dict[str, ModelSpec],
        aliases: Mapping[str, str] | None = None,
        overridden: Mapping[str, str] | None = None,
    ) -> Message:
        """Return the models in use, by kind, and the versions that the aliases of the model store name.

        overridden: the setting that names another model than the champion's, by kind.
        """
        named = {name: version for name, version in (aliases or {}).items() if version}
        more = {"aliases": named, "overridden": dict(overridden or {})}
        body = self._body(models=_identities(models), **{name: value for name, value in more.items() if value})
        return Message(self.topic("model/active"), body, qos=1, retain=True)

    def report(self, topic: str, body: dict[str, Any]) -> Message:
        """Return a report about the device; `topic`: below the device's."""
        return Message(self.topic(topic), self._body(**body), qos=1, retain=True)

    def setting(self, topic: str, text: str) -> Message:
        """Return the state of something that can be set over MQTT; `topic`: below the device's."""
        return Message(self.topic(topic), text.encode(), qos=1, retain=True)

    def snapshot(self, jpeg: bytes) -> Message:
        """Return an image as JPEG, in which the caller has redacted everybody."""
        return Message(self.camera_topic("snapshot"), jpeg, expiry_s=_SNAPSHOT_S)

    def health(self, state: str, detail: str) -> Message:
        """Return the state of camera and lens."""
        return Message(self.camera_topic("health"), self._body(state=state, detail=detail), qos=1, retain=True)

    def problem(self, name: str, text: str) -> Message:
        """Return a problem that needs attention; an empty text clears it."""
        payload = self._body(id=name, text=text) if text else b""
        return Message(self.topic(f"problem/{name}"), payload, qos=1, retain=True)

    def count(self, faces: dict[str, int], entries: dict[str, int], interval_s: float) -> Message:
        """Return how many people are visible now, and how many came since midnight."""
        payload = self._body(faces=faces, entries=entries)
        return Message(self.camera_topic("count"), payload, retain=True, expiry_s=expiry(interval_s))

    def aggregate(self, counts: Aggregate) -> Message:
        """Return the shares of people with and without a mask in an interval that has ended."""
        began, ended = (utc(self.clock.wall_of(at)) for at in (counts.began_at, counts.ended_at))
        body = {"schema": SCHEMA, "session": self.session, "from": began, "to": ended}
        body |= {"people": counts.people, "shares": counts.shares}
        return Message(self.camera_topic("aggregate"), encode(body), qos=1, retain=True)

    def stats(self, stats: dict[str, Any], interval_s: float) -> Message:
        """Return the statistics of the process."""
        payload = self._body(clock_synced=self.clock.synced(), **stats)
        return Message(self.topic("stats"), payload, expiry_s=expiry(interval_s))

    def notice(self, notice: Notice) -> Message:
        """Return the notice for other signs, in its first language; not retained, since it would outlive its moment."""
        first = next(iter(notice.phrases), None)
        language = {"language": first.language} if first else {}
        payload = self._body(state=notice.state.value, phrase=first.text if first else "", **language)
        return Message(self.topic("notice"), payload, expiry_s=_NOTICE_S)

    def alert(self, alert: Alert, scene: Scene, model: ModelSpec) -> AlertMessage:
        """Return an alert as it is published."""
        decided = self.clock.wall_of(scene.decided_at)
        track, latency_s = alert.track, 0.0 if scene.frame is None else scene.decided_at - scene.frame.read_at
        body: dict[str, Any] = {
            "schema": SCHEMA,
            "event_id": alert.event_id,
            "event_type": alert.event_type.value,
            "seq": alert.seq,
            "session": self.session,
            "device": self.device,
            "site": self.site,
            "camera": self.camera,
            "label": (alert.episode if alert.event_type is EventType.START else track.mask).value,
            "confidence": round(track.confidence, 4),
            "probs": {mask.value: round(p, 4) for mask, p in zip(CLASSES, track.probabilities, strict=True)},
            "votes": track.votes,
            "faces": face_counts(scene.visible),
            "track_id": track.id,
            "box": _box_within(track.box, scene),
            "face_px": round(min(track.box[2] - track.box[0], track.box[3] - track.box[1]), 1),
            **around(proximity(alert.track.id, scene.tracks, self.near_m)),
            "first_seen": utc(self.clock.wall_of(track.first_seen + scene.offset_s)),
            "duration_s": round(alert.raised_at - alert.since, 3),
            "t_capture": utc(decided - latency_s),
            "t_decided": utc(decided),
            "t_published": None,
            "latency_ms": round(1e3 * latency_s, 1),
            "stages_ms": _stages_ms(alert, scene),
            "clock_synced": self.clock.synced(),
            "reason": alert.reason.value if alert.reason else None,
            "model": model.identity,
            "delayed": False,
            "expires_at": utc(decided + self.expires_s),
        }
        return self._message(body, self.camera_topic("alert"), scene.decided_at)

    def restarted(self, last: AlertMessage) -> AlertMessage:
        """Return the end of an episode that an earlier run left open."""
        decided_at = self.clock.monotonic()
        decided = self.clock.wall_of(decided_at)
        body = {**last.body, "event_type": EventType.END.value, "seq": int(last.body["seq"]) + 1}
        body |= {"session": self.session, "reason": Reason.RESTART.value, "clock_synced": self.clock.synced()}
        body |= {"t_decided": utc(decided), "expires_at": utc(decided + self.expires_s)}
        return self._message(body | {"stages_ms": dict.fromkeys(_STAGES)}, last.topic, decided_at)

    def _body(self, **fields: object) -> bytes:
        """Return a payload with what all have in common before its own fields."""
        return encode({"schema": SCHEMA, "session": self.session, "t": utc(self.clock.wall()), **fields})

    def _message(self, body: dict[str, Any], topic: str, decided_at: float) -> AlertMessage:
        key = f"{body['event_id']}:{body['seq']}"
        return AlertMessage(key, topic, body, self.clock.boot, decided_at + self.expires_s)


def _stages_ms(alert: Alert, scene: Scene) -> dict[str, float | None]:
    """Return where the time went from the exposure to the decision, ms; None where a stage took no part.

    dwell: from the first sighting behind the label, in the alert that opens an episode.  publish: added on sending.
    """
    if scene.times is None:
        return dict.fromkeys(_STAGES)
    spent_s = {**scene.times.of_alert(), "dwell": alert.dwell_s, "publish": None}
    return {stage: _ms(spent_s[stage]) for stage in _STAGES}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1e3 * seconds, 1)


def around(people: Proximity | None) -> dict[str, Any]:
    """Return what an alert states of the people around; None stands for not known."""
    nearest = people.nearest if people else None
    return {
        "nearest_person_m": round(nearest.m, 2) if nearest else None,
        "nearest_person_interval_m": [round(nearest.low_m, 2), round(nearest.high_m, 2)] if nearest else None,
        "people_near": people.near if people else None,
    }


def _box_within(box: tuple[float, float, float, float], scene: Scene) -> list[float] | None:
    """Return a box as shares of the image, cut at its border, 0 to 1; None where there is no image."""
    if scene.frame is None:
        return None
    return [round(min(max(share, 0.0), 1.0), 4) for share in relative(box, scene.frame.size_px)]


def expiry(interval_s: float) -> int:
    """Return twice an interval, whole seconds."""
    return max(1, round(2 * interval_s))
