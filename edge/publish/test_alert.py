"""The test alert: published like an alert, with an `event_type` that states that nobody was seen."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.data import Alert, EventType, Faces, Mask, Scene, Track

if TYPE_CHECKING:
    from edge.publish.message import Message, Sender
    from edge.tflite import ModelSpec

TEST = "test"
"""The `event_type` of a test alert, so that nothing that acts on `start` acts on it."""


def build_test_alert(sender: Sender, model: ModelSpec) -> Message:
    """Return an alert with its own event id and an unsure label; it has no episode, and no outbox keeps it."""
    at = sender.clock.monotonic()
    nobody = Track(0, (0.0, 0.0, 0.0, 0.0), None, at, at)
    alert = Alert(str(uuid.uuid4()), EventType.START, 0, Mask.UNSURE, nobody, at, at)
    message = sender.alert(alert, Scene(None, Faces.none(), (), (), at), model)
    return replace(message, body={**message.body, "event_type": TEST}).now(sender.clock)
