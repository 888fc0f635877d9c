"""Secrets that must not be shown, and the addresses that contain them."""

from __future__ import annotations

from hypothesis import strategies as st

HEAD, TAIL = "Zq7f", "k9Xw"
"""Both ends of every secret: half a password is a leak, too."""
SECRETS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), max_size=12).map(lambda text: HEAD + text + TAIL)
WAYS = st.sampled_from(
    [
        "rtsp://admin:{}@camera/s",
        "rtsp://{}:x@camera:554/s",
        "rtsp://admin:{}@[fe80::1]:554/s",
        "RTSPS://admin:{}@camera",
        "http://camera/video?user=admin&password={}",
        "http://camera/video?{}",
        "http://camera/video#{}",
        "rtsp://camera/user=admin&password={}&channel=1",
        "http://admin:{}@camera/video?mail=a@b",
        "rstp:/admin:{}@camera/s",
        "admin:{}@camera/s",
    ]
)
