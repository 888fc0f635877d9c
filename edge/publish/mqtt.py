"""The link to the broker: one thread, one connection at a time, MQTT 5 and 3.1.1 where 5 is not spoken.

Every session is a new client, so nothing waits inside it: what must not be lost is kept by the outbox, which sends it
again on the next connection.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from edge.publish.backoff import Attempts
from edge.publish.duties import Duties, Known
from edge.publish.mailbox import Mailbox
from edge.publish.refusals import Refusals
from edge.publish.session import ONLINE as ONLINE  # noqa: PLC0414 - the state that owners ask for
from edge.publish.session import Session
from edge.publish.suspects import Suspects
from edge.publish.worker import check_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge.publish.broker import Broker
    from edge.publish.duties import Keyed
    from edge.publish.limits import Limits
    from edge.publish.message import Message

log = logging.getLogger(__name__)

_MAX_WAITING = 1_000
"""Messages that wait for the link's thread; state goes out again on connecting, alerts by the outbox."""
_JOIN_S = 5.0


class MqttLink:
    """Keeps one connection to a broker; `state` says how it stands, `problem` what does not get through."""

    def __init__(
        self,
        broker: Broker,
        *,
        will: Message | None = None,
        greeting: Callable[[], Iterable[Keyed]] = tuple,
        undelivered: Callable[[], Iterable[Keyed]] = tuple,
        on_acknowledged: Callable[[str], None] = lambda _key: None,
        subscriptions: Sequence[str] = (),
        on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _retained: None,
    ) -> None:
        """Prepare a link; nothing is opened before `start`. For the rest see `Duties`."""
        self._broker = broker
        self._duties = Duties(will, greeting, undelivered, on_acknowledged, subscriptions, on_message)
        self._attempts = Attempts(broker)
        self._known = Known(Mailbox(_MAX_WAITING), Suspects(), Refusals())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._connected = False
        self._closing: Message | None = None
        self.state = "not started"
        self.last_problem = ""
        self._logged = ""
        self.connections = 0

    @property
    def problem(self) -> str:
        """What does not get through though there is a connection; empty where all does."""
        return self._known.standing or self._known.refusals.text

    @property
    def unheard(self) -> bool:
        """Whether a message with a key met no subscriber on this connection."""
        return self._known.unheard

    @property
    def limits(self) -> Limits:
        """What the broker takes, as it said on the newest connection."""
        return self._known.limits

    @property
    def ignored(self) -> int:
        """Messages that came and were of no use."""
        return self._known.ignored

    def start(self) -> None:
        """Connect, and connect again whenever the connection ends."""
        self._thread.start()

    def check(self) -> None:
        """Raise ThreadStuck when the thread has ended though nobody closed the link."""
        check_alive(self._thread, self._stop)

    def send(self, message: Message, key: str = "") -> None:
        """Queue a message and return at once; dropped while offline, for the greeting sends what matters."""
        if self._connected:
            self._known.waiting.put(key, message)

    def close(self, last_word: Message | None = None) -> None:
        """Send what waits and the last word, disconnect, and stop the thread within its deadline."""
        self._closing = last_word
        self._stop.set()
        self._known.waiting.wake()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.warning("mqtt: the connection does not end; left to the end of the process")

    def _run(self) -> None:
        """One session after another; the pause doubles up to its bound, with jitter, and starts anew after success."""
        while not self._stop.is_set():
            session = Session(self._broker, self._attempts.speech, self._duties, self._known, self._tell)
            ending = session.live(self._stop, lambda: self._closing)
            if self._stop.is_set():
                self._set_state("stopped" if self._connected else self.state)
                return
            self._connected = False
            self._attempts.count(ending, hunting=self._known.suspects.hunting)
            if self._attempts.just_thrown_out:
                self._known.suspects.forget()
            self._set_state(self._attempts.complaint or self.state)
            self._stop.wait(self._attempts.pause_s(self.state))

    def _tell(self, state: str, *, connected: bool) -> None:
        """Take the state of a session; `connected`: the broker has taken us."""
        self.connections += connected and not self._connected
        self._connected = connected
        self._set_state(state)

    def _set_state(self, state: str) -> None:
        if state == self.state:
            return
        self.state = state
        self.last_problem = self.last_problem if state in (ONLINE, "stopped") else state
        # a client that is thrown out comes and goes: told once, not each time
        if state != self._logged and not (self._attempts.thrown_out and not state.startswith("taken")):
            self._logged = state
            level = logging.INFO if state in (ONLINE, "stopped") else logging.WARNING
            log.log(level, "broker %s:%d: %s", self._broker.host, self._broker.port, state)
