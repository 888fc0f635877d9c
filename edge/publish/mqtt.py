"""The link to the broker: one thread, one connection at a time, MQTT 5 and 3.1.1 where 5 is not spoken.

Every connection is a new client, so nothing waits inside it: what must not be lost is kept by the outbox, which sends
it again on the next connection.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from edge.publish.backoff import Backoff
from edge.publish.link_state import LinkMemory, LinkState, Owner
from edge.publish.session import Session
from edge.publish.worker import check_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge.publish.broker import Broker
    from edge.publish.limits import Limits
    from edge.publish.link_state import Keyed
    from edge.publish.message import Message

log = logging.getLogger(__name__)

ONLINE = LinkState.ONLINE
_WELL = (LinkState.ONLINE, LinkState.STOPPED)
_JOIN_S = 5.0


class MqttLink:
    """Keeps one connection to a broker.

    state: how the connection stands.  problem: what is not delivered.  last_problem: the last state that was not well.
    """

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
        """Prepare a link; nothing is opened before `start`. For the arguments see `Owner`."""
        self._broker = broker
        self._owner = Owner(will, greeting, undelivered, on_acknowledged, subscriptions, on_message)
        self._backoff = Backoff(broker)
        self._memory = LinkMemory()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._connected = False
        self._last_word: Message | None = None
        self._logged = ""
        self.state: str = LinkState.NOT_STARTED
        self.last_problem = ""
        self.connections = 0

    @property
    def problem(self) -> str:
        """What is not delivered though there is a connection; empty where everything is."""
        return self._memory.unresponsive or self._memory.refusals.text

    @property
    def unheard(self) -> bool:
        """Whether a message with a key found no subscriber on this connection."""
        return self._memory.unheard

    @property
    def limits(self) -> Limits:
        """What the broker accepts, as it stated on the newest connection."""
        return self._memory.limits

    @property
    def ignored(self) -> int:
        """Messages that came and were of no use."""
        return self._memory.ignored

    def start(self) -> None:
        """Connect, and connect again whenever the connection ends."""
        self._thread.start()

    def check(self) -> None:
        """Raise ThreadStuck when the thread has ended though the link was not closed."""
        check_alive(self._thread, self._stop)

    def send(self, message: Message, key: str = "") -> None:
        """Queue a message and return at once; dropped while offline, since the greeting sends what matters."""
        if self._connected:
            self._memory.queue.put(key, message)

    def close(self, last_word: Message | None = None) -> None:
        """Send what is queued and the last word, disconnect, and stop the thread within its deadline."""
        self._last_word = last_word
        self._stop.set()
        self._memory.queue.wake()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.warning("mqtt: the connection does not end; it is left to the end of the process")

    def _run(self) -> None:
        """Open one session after another, with a pause between them; see `Backoff`."""
        while not self._stop.is_set():
            session = Session(self._broker, self._backoff.options, self._owner, self._memory, self._on_state)
            ending = session.run(self._stop, lambda: self._last_word)
            if self._stop.is_set():
                self._set_state(LinkState.STOPPED if self._connected else self.state)
                return
            self._connected = False
            self._backoff.count(ending, isolating=self._memory.isolation.is_active)
            if self._backoff.began_flapping:
                self._memory.isolation.forget_arrivals()
            self._set_state(self._backoff.problem or self.state)
            self._stop.wait(self._backoff.pause_s(self.state))

    def _on_state(self, state: str, *, connected: bool) -> None:
        """Take the state of a session; `connected`: the broker has accepted us."""
        self.connections += connected and not self._connected
        self._connected = connected
        self._set_state(state)

    def _set_state(self, state: str) -> None:
        if state == self.state:
            return
        self.state = state
        self.last_problem = self.last_problem if state in _WELL else state
        # a client that is flapping comes and goes: logged once, not each time
        if state != self._logged and not (self._backoff.is_flapping and not state.startswith(LinkState.TAKEN_OVER)):
            self._logged = state
            level = logging.INFO if state in _WELL else logging.WARNING
            log.log(level, "broker %s:%d: %s", self._broker.host, self._broker.port, state)
