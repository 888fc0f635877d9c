"""Whether the people nearby are told at all: turned over MQTT, in force until the process ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class NoticeSwitch:
    """Outlives the rounds of a watch; one thread turns it, another looks."""

    on: bool = True
