"""Every command that is accepted over MQTT: to add one, add a value here and its topics to the schemas."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, get_args

from edge.publish.command import Command, one_of, parse_number
from edge.settings.schema import AlertSettings, DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.notice.policy import NoticePolicy
    from edge.publish.message import Message
    from edge.settings.schema import Settings

PROFILES: tuple[str, ...] = get_args(DetectorSettings.model_fields["profile"].annotation)
_DWELL = AlertSettings.model_json_schema()["properties"]["dwell_s"]
DWELL_MIN_S = float(_DWELL["minimum"])
DWELL_MAX_S = float(_DWELL["maximum"])
_CONFIG = {"entity_category": "config"}
_DWELL_ENTITY = {
    "p": "number",
    "name": "Dwell time",
    "device_class": "duration",
    "unit_of_measurement": "s",
    "min": DWELL_MIN_S,
    "max": DWELL_MAX_S,
    "step": 0.1,
    "mode": "box",
    **_CONFIG,
}
_TEST_ALERT_ENTITY = {"p": "button", "name": "Test alert", "entity_category": "diagnostic"}


def build_commands(
    settings: Settings,
    notice: NoticePolicy,
    change: Callable[[str, object], None],
    test_alert: Callable[[], Message | None],
) -> tuple[Command, ...]:
    """Return the commands; none in aggregate mode, where nothing that they concern exists.

    change: asks for one setting to be changed by the next reload.  test_alert: returns a new test alert.
    """
    if settings.privacy.aggregate:
        return ()

    return (
        Command(
            "notice",
            parse=one_of("ON", "OFF"),
            apply=lambda word: notice.switch(on=word == "ON"),
            state=lambda: "ON" if notice.enabled else "OFF",
            entity={"notice": {"p": "switch", "name": "Notices", **_CONFIG}},
        ),
        Command(
            "alert/dwell_s",
            parse=parse_number,
            apply=partial(change, "alert.dwell_s"),
            state=lambda: f"{settings.alert.dwell_s}",
            entity={"dwell": _DWELL_ENTITY},
        ),
        Command(
            "detector/profile",
            parse=one_of(*PROFILES),
            apply=partial(change, "detector.profile"),
            state=lambda: settings.detector.profile,
            entity={"profile": {"p": "select", "name": "Detector profile", "options": list(PROFILES), **_CONFIG}},
        ),
        Command(
            "test_alert",
            parse=one_of("PRESS"),
            apply=lambda _press: test_alert(),
            entity={"test_alert": _TEST_ALERT_ENTITY},
        ),
    )
