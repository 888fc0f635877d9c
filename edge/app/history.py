"""Joins the history: where its file is, and the sink that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.app.mqtt import folder_of_state
from edge.clock import Clock
from edge.history.log import HistoryLog
from edge.paths import SERVICE_STATE, exists
from edge.publish.message import part_of

if TYPE_CHECKING:
    from pathlib import Path

    from edge.app.components import Components
    from edge.settings.schema import Settings

_MB = 1_000_000


def history_file(settings: Settings) -> Path:
    """Return the file in which the history of a camera is kept, in every environment."""
    return folder_of_state(settings) / f"history-{settings.camera.name}.db"


def file_to_read(settings: Settings) -> Path:
    """Return the history to show a user: of this user's maskwatch, else of the service where one is installed."""
    own = history_file(settings)
    service = SERVICE_STATE / part_of(settings.mqtt.topic_root) / own.name
    return own if exists(own) or not exists(service) else service


def build_history(settings: Settings, keep: Components) -> tuple[HistoryLog, ...]:
    """Return the sink that keeps the history; none where it is off, and in aggregate mode, which keeps no episodes."""
    if not settings.history.enabled or settings.privacy.aggregate:
        return ()
    history = settings.history
    key = (history_file(settings), history)
    return (
        keep(
            "history",
            key,
            lambda: HistoryLog(key[0], Clock(), days=history.days, max_bytes=history.max_mb * _MB),
            HistoryLog.close,
        ),
    )


def history_problem(logs: tuple[HistoryLog, ...]) -> str:
    """Return the problem, empty while there is none."""
    return next((log.problem for log in logs if log.problem), "")
