"""Programs and libraries that tests use; a test skips where one is absent, and fails in CI."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections import Counter
from typing import NoReturn

import pytest

os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"  # mosquitto lies there; a Debian user's PATH lacks them

PACKAGES = {
    "Xvfb": "xvfb",
    "aplay": "alsa-utils",
    "bindfs": "bindfs",
    "chromium": "chromium",
    "debootstrap": "debootstrap",
    "espeak-ng": "espeak-ng",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "gcc": "gcc",
    "import": "imagemagick",
    "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6",
    "libatomic.so.1": "libatomic1",
    "matchbox-window-manager": "matchbox-window-manager",
    "minisign": "minisign",
    "mosquitto": "mosquitto",
    "mosquitto_passwd": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "mosquitto_sub": "mosquitto-clients",
    "npm": "npm",
    "openssl": "openssl",
    "pgrep": "procps",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "strace": "strace",
    "systemd-analyze": "systemd",
    "systemd-nspawn": "systemd-container",
    "systemd-sysusers": "systemd",
    "xdotool": "xdotool",
}
"""Debian's package of each program and library; setup-apt.sh installs them all."""

skipped: Counter[str] = Counter()
"""How often each was absent, for the summary."""


def need(*names: str) -> str:
    """Return where the first of some programs lies; skip the test that runs where one of them is absent."""
    for name in names:
        if not _is_there(name):
            skipped[name] += 1
            lack(f"{name} is not installed; fix: sudo apt install {PACKAGES.get(name, name)}, or make setup-apt")
    return shutil.which(names[0]) or names[0]


def lack(reason: str) -> NoReturn:
    """Skip the test that runs, for want of something; in CI that is a failure."""
    if os.environ.get("CI", "false") not in ("", "0", "false"):
        pytest.fail(f"{reason} (in CI nothing may be absent)", pytrace=False)
    pytest.skip(reason)


def _is_there(name: str) -> bool:
    if ".so." not in name:
        return shutil.which(name) is not None
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
