"""A test alert: goes where alerts go, and says in its `event_type` that nobody was seen."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.data import Alert, EventType, Faces, Mask, Scene, Track

if TYPE_CHECKING:
    from edge.publish.message import Message, Sender
    from edge.tflite import ModelSpec

TEST = "test"
"""The `event_type` of a test alert: whoever acts on `start` does not act on it, and no key is added for it."""


def build_test_alert(sender: Sender, model: ModelSpec) -> Message:
    """Return an alert of its own event, of nobody, unsure; no outbox keeps it, and no episode is behind it."""
    at = sender.clock.monotonic()
    nobody = Track(0, (0.0, 0.0, 0.0, 0.0), None, at, at)
    alert = Alert(str(uuid.uuid4()), EventType.START, 0, Mask.UNSURE, nobody, at, at)
    message = sender.alert(alert, Scene(None, Faces.none(), (), (), at), model)
    return replace(message, body={**message.body, "event_type": TEST}).now(sender.clock)
