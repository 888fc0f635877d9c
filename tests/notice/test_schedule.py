"""Hours of the day, and how loud a notice may be in them."""

from __future__ import annotations

import time

import pytest

from edge.notice.schedule import VolumeSchedule, hours_of, minute_of_day, volume_hours_of


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("08:30-12:00", ["08:30", "11:59"], ["08:29", "12:00", "00:00"]),
        ("20:00-24:00", ["20:00", "23:59"], ["00:00", "19:59"]),
        ("00:00-24:00", ["00:00", "12:00", "23:59"], []),
        ("07:00 - 07:00", ["06:59", "07:00"], []),
    ],
)
def test_hours_hold_from_their_first_minute_up_to_their_last(text, inside, outside):
    hours = hours_of(text)
    minute = lambda clock: 60 * int(clock[:2]) + int(clock[3:])  # noqa: E731
    assert [clock for clock in inside if minute(clock) not in hours] == []
    assert [clock for clock in outside if minute(clock) in hours] == []


@pytest.mark.parametrize("text", ["", "22", "22:00", "25:00-06:00", "22:60-06:00", "22:00-06:00 0.3", "night"])
def test_what_names_no_hours_is_refused(text):
    with pytest.raises(ValueError, match="22:00-06:00"):
        hours_of(text)


@pytest.mark.parametrize("text", ["", "20:00-07:00", "20:00-07:00 1.5", "20:00-07:00 loud", "0.3", "20:00-07:00 -1"])
def test_what_names_no_volume_is_refused(text):
    with pytest.raises(ValueError, match=r"20:00-07:00"):
        volume_hours_of(text)


def test_quiet_hours_win_over_volumes_and_the_first_volume_that_holds_over_the_others():
    by_hour = (volume_hours_of("20:00-07:00 0.3"), volume_hours_of("06:00-08:00 0.5"))
    loudness = VolumeSchedule(0.6, hours_of("22:00-06:00"), by_hour)
    at = {hour: loudness.at(60 * hour) for hour in (0, 5, 6, 7, 8, 12, 19, 20, 21, 22)}
    assert at == {0: 0, 5: 0, 6: 0.3, 7: 0.5, 8: 0.6, 12: 0.6, 19: 0.6, 20: 0.3, 21: 0.3, 22: 0}


def test_the_hours_are_those_of_the_place(monkeypatch):
    noon_utc = 1_800_014_400.0 - 1_800_014_400.0 % 86_400 + 12 * 3600
    for zone, minute in (("UTC0", 720), ("CET-1", 780), ("EST5", 420)):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert minute_of_day(noon_utc) == minute
    monkeypatch.undo()
    time.tzset()
