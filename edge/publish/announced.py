"""Retained messages, remembered so that they are removed once nothing announces their topics any more.

One file for each maskwatch of a state folder, named by device and camera, and locked while that maskwatch runs. An
unlocked file was left by one that has another name now, or that no longer runs.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge import files
from edge.publish.homeassistant import left_out
from edge.publish.message import ROOT, WITHDRAWN, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """Where it is remembered what was announced: in a folder, None: in this process alone; and under which broker."""

    folder: Path | None = None
    broker: str = ""


Topics = dict[str, str]
"""Retained topics, with the announcement to Home Assistant where it is one, empty for all others."""
_PREFIX = "announced-"
_OURS = re.compile(rf"{ROOT}(?:-[a-z0-9-]{{1,60}})?/[^#+]{{1,200}}|[A-Za-z0-9_/-]{{1,200}}/config")
_MAX_TRIES = 2
_BY_HAND = "as the broker's operator, mosquitto_pub -r -n -t"
_MAX_BROKERS = 8
"""Brokers to remember topics of; the least recently used ones are dropped."""


class Announced:
    """Remembers by broker what was announced; outlives a reload, and the process where it has a folder."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._held: int | None = None
        self._brokers: dict[str, Topics] = {}
        self._broker = ""
        self._saved = ""
        self._now: Topics = {}
        self._tries: Counter[str] = Counter()
        self._connection = 0

    def announce(self, memory: Memory, name: str, now: Mapping[str, str], former: Mapping[str, str]) -> None:
        """Remember what is announced from now on, before it is sent.

        name: of this maskwatch, for its file.  former: what versions announced that remembered nothing, but left an
        outbox.
        """
        folder, broker = memory.folder, memory.broker
        with self._lock:
            alive = self._open(folder, name)
            old = dict(former) if folder and any(folder.glob("outbox-*.db")) else {}
            before = self._brokers.pop(broker, old)
            self._tries.clear()
            self._connection = 0
            gone = {topic: config for topic, config in before.items() if topic not in alive}
            self._broker, self._now = broker, dict(now)
            kept = {topic: _merged(gone.get(topic, ""), config) for topic, config in now.items()}
            self._brokers[broker] = gone | kept
            self._brokers = dict(list(self._brokers.items())[-_MAX_BROKERS:])
            self._save()

    def withdrawals(self, connection: int = 0) -> list[tuple[str, Message]]:
        """Return, by key, the messages that remove what is no longer announced; to be sent before anything else.

        connection: its number, since a removal is tried on two connections only; 0: the current one.
        Entities are removed before the topics that they read: Home Assistant logs an error at an empty state.
        """
        with self._lock:
            if connection not in (0, self._connection):
                self._connection = connection
                self._give_up()
            return [
                (f"{WITHDRAWN}{topic}" if last else "", message)
                for topic, config in sorted(self._brokers.get(self._broker, {}).items(), key=lambda item: not item[1])
                for message, last in _away(topic, config, self._now.get(topic))
            ]

    def _give_up(self) -> None:
        """Give up removals that failed on two connections: some brokers end one instead of denying a message."""
        topics = self._brokers.get(self._broker, {})
        for topic, config in list(topics.items()):
            if config == self._now.get(topic):
                continue
            self._tries[topic] += 1
            if self._tries[topic] > _MAX_TRIES:
                log.warning("mqtt: %s: the broker does not let it be removed; fix: %s %s", topic, _BY_HAND, topic)
                self._drop(topic)

    def settle(self, key: str) -> None:
        """Note that a broker has removed a topic."""
        with self._lock:
            self._drop(key.removeprefix(WITHDRAWN))

    def _drop(self, topic: str) -> None:
        """Remember only what is announced on a topic now."""
        remembered = self._brokers.get(self._broker, {})
        if topic in self._now:
            remembered[topic] = self._now[topic]
        else:
            remembered.pop(topic, None)
        self._save()

    def close(self) -> None:
        """Release the file; its content stays."""
        with self._lock:
            self._release()

    def _open(self, folder: Path | None, name: str) -> set[str]:
        """Take over the unlocked files of the folder; return the topics of the locked ones."""
        path = folder / f"{_PREFIX}{name}.json" if folder else None
        alive: set[str] = set()
        try:
            if path and path != self._path:
                self._release()
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._held = _locked(path)
            self._path = path
            for other in sorted(folder.glob(f"{_PREFIX}*.json")) if folder else ():
                alive |= self._take_over(other)
        except OSError as error:
            log.warning("%s: cannot remember what is announced: %s", folder, error.strerror)
            self._path = None
        return alive

    def _take_over(self, path: Path) -> set[str]:
        """Take over an unlocked file, and remove it once its content is in ours; return the topics of a locked one."""
        if path == self._path and self._held is None:
            self._path = None  # another process has the same name: it remembers for both
        lock = self._held if path == self._path else _locked(path)
        content = _read(path)
        if lock is None:
            return {topic for topics in content.values() for topic in topics}
        for broker, topics in content.items():
            self._brokers[broker] = topics | self._brokers.get(broker, {})
        if path != self._path:
            self._save()
            path.unlink(missing_ok=True)
            os.close(lock)
        return set()

    def _save(self) -> None:
        """Write the file where something has changed; a failure does not stop publishing."""
        if self._path is None:
            return
        text = json.dumps(self._brokers, indent=1)
        if text == self._saved:
            return
        try:
            with files.replacing(self._path) as draft:
                draft.write_text(text, "utf-8")
            self._saved = text
        except OSError as error:
            log.warning("%s: cannot remember what is announced: %s", self._path, error.strerror)

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
        self._held, self._saved = None, ""


def _locked(path: Path) -> int | None:
    """Return a lock on a file, which ends with the process at the latest; None where another process holds it."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _read(path: Path) -> dict[str, Topics]:
    """Return the content of a file without topics that cannot be ours; nothing where it is absent or damaged.

    A damaged file is set aside, so that it is logged once.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return {broker: dict(filter(_is_ours, topics.items())) for broker, topics in content.items()}
    except OSError:
        return {}
    except (ValueError, AttributeError, RecursionError) as error:
        log.warning("%s: damaged, set aside as %s.damaged: %s", path, path.name, error)
        with suppress(OSError):
            path.replace(path.with_name(f"{path.name}.damaged"))
        return {}


def _is_ours(item: tuple[str, Any]) -> bool:
    topic, config = item
    return isinstance(config, str) and topic.isprintable() and bool(_OURS.fullmatch(topic))


def _merged(before: str, now: str) -> str:
    """Return an announcement with the components that it had before, too."""
    if not now or not left_out(before, now):
        return now
    body = json.loads(now)
    body["cmps"] = left_out(before, now) | body["cmps"]
    return json.dumps(body)


def _away(topic: str, before: str, now: str | None) -> Iterator[tuple[Message, bool]]:
    """Yield the messages that remove what a topic no longer holds, and whether each is the last of its topic."""
    if now is None:
        yield Message(topic, b"", qos=1, retain=True), True
    elif missing := left_out(before, now):
        body: dict[str, Any] = json.loads(now)
        # first, since Home Assistant ignores what follows a component that it is still busy with
        body["cmps"] = {key: {"p": component["p"]} for key, component in missing.items()} | body["cmps"]
        yield Message(topic, json.dumps(body, separators=(",", ":")).encode(), qos=1, retain=True), False
        yield Message(topic, now.encode(), qos=1, retain=True), True
