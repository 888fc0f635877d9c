"""Alerts and the sender that turns them into messages."""

from __future__ import annotations

import json
from dataclasses import replace

from edge.data import Alert, EventType, Mask
from edge.publish.message import Clock, Sender
from edge.tflite import ModelSpec
from tests.support import fakes

WALL = 1_800_000_000.0
MODEL = ModelSpec.model_validate(
    {
        "name": "m",
        "version": "1",
        "kind": "mask",
        "decoder": "logits",
        "sha256": "0" * 64,
        "input": {"shape": (1, 64, 64, 3), "dtype": "int8", "colour": "rgb"},
        "output": [{"shape": (1, 3), "dtype": "float32"}],
    }
)


def sender(wall: float = WALL, monotonic: float = 100.0, boot: str = "this boot") -> Sender:
    return Sender("stop-7", "Main St", "main", "abc", Clock(lambda: wall, lambda: monotonic, boot), expires_s=60)


def alert(**changes) -> Alert:
    return replace(Alert("e1", EventType.START, 0, Mask.WITHOUT_MASK, fakes.track(at=5.0), 4.0, 5.0), **changes)


def body(message) -> dict:
    return json.loads(message.payload)


PAYLOAD = sender().alert(alert(), fakes.scene(decided_at=100.0), MODEL).now(sender().clock).payload
