"""The process of a challenger: it is never waited for, and what becomes of it harms nobody."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from edge.monitor.shadow_jobs import MOST_BYTES, ShadowProcess
from tests.support import fakes
from tests.support.fakes import eventually

ECHO = """
import json, mmap, sys
memory = mmap.mmap(int(sys.argv[1]), 0, prot=mmap.PROT_READ)
print("a native library prints this")
print('{"ready": true, "cpu_s": 0}', flush=True)
for line in sys.stdin:
    job = json.loads(line)
    size = 3 * job["shape"][0] * job["shape"][1]
    print(json.dumps({"sum": sum(memory[:size]), "word": job["word"], "cpu_s": 0}), flush=True)
"""
IMAGE = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.fixture
def clock():
    return fakes.FakeClock()


@pytest.fixture
def start(clock):
    started = []

    def of(program):
        started.append(ShadowProcess(["-c", program], clock))
        return started[-1]

    yield of
    for process in started:
        process.close()


def answered(process, key):
    """Return the next answer that has a key."""
    found = []

    def has_come():
        answer = process.answer()
        if answer is not None and key in answer:
            found.append(answer)
        return bool(found)

    assert eventually(has_come, 30)
    return found[0]


def test_it_answers_one_job_after_another(start):
    process = start(ECHO)
    assert not process.idle
    assert not process.ask(IMAGE, {"word": "too early"})
    answered(process, "ready")
    for word in ("a", "b"):
        assert process.idle
        assert process.ask(IMAGE, {"word": word})
        assert not process.idle
        assert answered(process, "word") == {"sum": int(IMAGE.sum()), "word": word, "cpu_s": 0}
    assert process.crashes == 0


def test_an_image_that_is_too_large_is_left_out(start):
    process = start(ECHO)
    answered(process, "ready")
    assert not process.ask(np.zeros((MOST_BYTES // 3 + 1, 1, 3), np.uint8), {"word": "a"})
    assert process.idle


def test_one_that_is_killed_is_counted_and_started_again_after_pauses_that_double(start, clock):
    process = start(ECHO)
    for crashes, pause_s in ((1, 10), (2, 20)):
        answered(process, "ready")
        process.ask(IMAGE, {"word": "a"})
        os.kill(process._process.pid, signal.SIGKILL)
        assert eventually(lambda: process.answer() is None and process._process is None, 30)
        assert (process.crashes, process.idle) == (crashes, False)
        clock.now += pause_s - 0.1
        process.answer()
        assert process._process is None
        clock.now += 0.2
        process.answer()
    answered(process, "ready")


def test_one_that_ends_at_once_is_not_started_in_a_circle(start):
    process = start("import sys; sys.exit(65)")
    assert eventually(lambda: process.answer() is None and process.crashes == 1, 30)
    for _ in range(20):
        process.answer()
    assert process.crashes == 1


def test_one_that_gives_no_answer_for_a_minute_is_killed(start, clock):
    process = start('print("{\\"ready\\": true}", flush=True)\nimport time\ntime.sleep(1000)')
    answered(process, "ready")
    process.ask(IMAGE, {"word": "a"})
    pid = process._process.pid
    clock.now += 59
    process.answer()
    assert process.crashes == 0
    clock.now += 2
    process.answer()
    assert process.crashes == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_giving_a_job_to_one_that_has_stopped_takes_no_time(start):
    """A stopped process reads nothing: were its pipes filled, the loop would wait here for good."""
    process = start(ECHO)
    answered(process, "ready")
    os.kill(process._process.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert process.ask(IMAGE, {"word": "a"})
    for _ in range(10_000):
        assert process.answer() is None
        assert not process.ask(IMAGE, {"word": "a"})
    assert time.monotonic() - began < 60
    os.kill(process._process.pid, signal.SIGCONT)
    assert answered(process, "word")["word"] == "a"


def test_it_ends_with_the_service(start):
    process = start(ECHO)
    answered(process, "ready")
    pid = process._process.pid
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    process.close = lambda: None
