"""No secret of a setting is shown: neither in an address, nor in anything that is logged, published or printed."""

from __future__ import annotations

import html
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.redaction import holds_password, redacted
from edge.settings.load import lay_over, load
from edge.settings.redact import fingerprint, redacted_settings
from tests.support.secret_settings import HEAD, SECRETS, TAIL, WAYS

NOWHERE = Path("/nonexistent/config.toml")


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("rtsp://u:p@host/s", "rtsp://host/s"),
        ("rtsp://host/s@2", "rtsp://host/s@2"),
        ("rtsp://u:p@ss@host:554/s", "rtsp://host:554/s"),
        ("rtsp://u:p%40ss@[fe80::1]:554/Streaming/Channels/101", "rtsp://[fe80::1]:554/Streaming/Channels/101"),
        ("RTSP://u:p@host", "RTSP://host"),
        ("rtsp://u:p/w@host/s", "rtsp://***"),
        ("rtsp://u:p?w@host/s", "rtsp://***"),
        ("rtsp://u:p#w@host/s", "rtsp://***"),
        ("rtsp://u:p%40host/s", "rtsp://***"),
        ("http://host/video?user=admin&password=p", "http://host/video?***"),
        ("http://host/video?channel=1", "http://host/video?***"),
        ("rtsp://10.0.0.9:554/user=admin&password=p&channel=1", "rtsp://10.0.0.9:554/***"),
        ("rtsp://10.0.0.9/live/user=admin&password=p/w/x", "rtsp://10.0.0.9/live/***"),
        ("rtsps://10.0.0.1:7441/aBcD1234efGh5678?enableSrtp", "rtsps://10.0.0.1:7441/***?***"),
        ("rstp:/u:p@host/s", "rstp:/host/s"),
        ("u:p@host/s", "***"),
        ('["http://host/video?password=p"]', "***"),
        ("mqtt://u:p@broker:1883", "mqtt://broker:1883"),
        ("usb:0", "usb:0"),
        ("usb:/dev/v4l/by-id/usb-a@b:1-video-index0", "usb:/dev/v4l/by-id/usb-a@b:1-video-index0"),
        ("/srv/a@b:c?.mp4", "/srv/a@b:c?.mp4"),
        ("clip@home.mp4", "clip@home.mp4"),
        ("broker.example", "broker.example"),
        ("::1", "::1"),
        ("auto", "auto"),
    ],
)
def test_a_redacted_address_has_neither_user_nor_password(address, seen):
    assert redacted(address) == seen


@pytest.mark.parametrize(
    ("address", "certainly"),
    [
        ("rtsp://u:p@host/s", True),
        ("rtsp://u:p/w@host/s", True),
        ("rtsp://host/user=admin&password=p&channel=1", True),
        ("rtsp://host/user=admin_password=p_channel=1", True),
        ("http://host/v?api_key=p", True),
        ("rtsp://u@host/s", False),
        ("rtsp://u:@host/s", False),
        ("rtsp://host:554/s@2", False),
        ("rtsp://host/cam/realmonitor?channel=1&subtype=0", False),
        ("http://host/v?password=&channel=1", False),
        ("auto", False),
    ],
)
def test_only_what_is_certainly_a_password_counts_as_one(address, certainly):
    assert holds_password(address) is certainly


@settings(max_examples=500, deadline=None)
@given(WAYS, SECRETS, st.booleans())
@example("rtsp://admin:{}@camera/s", f"{HEAD}@/?#:&={TAIL}", False)
@example("http://camera/video?user=admin&password={}", f"{HEAD}@a/b{TAIL}", False)
def test_no_secret_of_an_address_is_shown_whatever_its_characters(way, secret, encoded):
    output = redacted(way.format(quote(secret, safe="") if encoded else secret))
    assert HEAD not in output
    assert TAIL not in output


@settings(max_examples=100, deadline=None)
@given(WAYS, SECRETS)
def test_neither_redacted_settings_nor_their_hash_contain_a_secret(way, secret):
    before = load(system_file=NOWHERE).settings
    one = lay_over(before, {"camera.source": way.format(secret), "mqtt.host": way.format(secret)}, "test")
    other = lay_over(before, {"camera.source": way.format(HEAD + TAIL), "mqtt.host": way.format(HEAD + TAIL)}, "test")
    output = html.unescape(json.dumps(redacted_settings(one), ensure_ascii=False))
    assert HEAD not in output
    assert TAIL not in output
    if redacted_settings(one) == redacted_settings(other):
        assert fingerprint(one) == fingerprint(other)


def test_the_published_hash_does_not_depend_on_a_password():
    before = load(system_file=NOWHERE).settings
    hashes = {
        fingerprint(lay_over(before, {"camera.source": f"rtsp://admin:{password}@camera/s"}, "test"))
        for password in ("one", "another")
    }
    assert len(hashes) == 1
    assert fingerprint(before) not in hashes
