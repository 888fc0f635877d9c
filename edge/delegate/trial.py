"""Tries a delegate in a child process with a deadline, which may hang or crash in place of this one."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, cast

from edge import programs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge.delegate import Delegate

_START_S = 20.0
"""How long the child may take until it touches the delegate: a Pi with a slow card imports libraries for seconds."""
_END_S = 0.2
"""How long a killed child is waited for: one that hangs in a driver ends when the driver lets it."""


def fault(delegate: Delegate, folders: Sequence[Path], threads: int) -> str:
    """Return why a delegate cannot run the models in some folders; empty if it can."""
    request = {"library": delegate.library, "options": dict(delegate.options), "threads": threads}
    request["folders"] = [str(folder) for folder in folders]
    child = subprocess.Popen(  # noqa: S603 - this Python, and a module of this package
        programs.python("-m", "edge.delegate.child", json.dumps(request)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    answers = cast("IO[bytes]", child.stdout)
    try:
        return _followed(child, answers.fileno(), delegate.patience_s)
    finally:
        child.kill()
        _wait(child)
        answers.close()


def _followed(child: subprocess.Popen[bytes], answers: int, patience_s: float) -> str:
    """Return the problem that a child ends with, or that it has crashed or not answered in time."""
    step, allowed_s, pending = "starting", _START_S, b""
    until = time.monotonic() + allowed_s
    while select.select([answers], [], [], max(0.0, until - time.monotonic()))[0]:
        received = os.read(answers, 4096)
        if not received:
            return f"it crashed, {step} ({_how_ended(child)})"
        *lines, pending = (pending + received).split(b"\n")
        for answer in map(json.loads, lines):
            if "problem" in answer:
                return str(answer["problem"])
            if "ready" in answer:
                allowed_s = patience_s
                until = time.monotonic() + allowed_s
            step = answer.get("step", step)
    return f"it did not answer within {allowed_s:g} s, {step}; fix: raise tflite.delegate_s if it is only slow"


def _how_ended(child: subprocess.Popen[bytes]) -> str:
    _wait(child)
    if child.returncode is None or child.returncode >= 0:
        return f"exit status {child.returncode}"
    return signal.Signals(-child.returncode).name


def _wait(child: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        child.wait(_END_S)
