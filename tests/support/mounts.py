"""Tests that need other files below /proc, /sys or /dev, which only root may mount."""

from __future__ import annotations

import os
import subprocess

import pytest


def may_mount() -> bool:
    """Return whether this user may make a machine of other files: root with CAP_SYS_ADMIN."""
    trial = "mount --bind /proc/version /proc/meminfo && mount -t tmpfs none /sys/class"
    return os.getuid() == 0 and not subprocess.run(["unshare", "--mount", "sh", "-c", trial], check=False).returncode


mounts = pytest.mark.skipif(not may_mount(), reason="only root may mount other files below /proc and /sys")
