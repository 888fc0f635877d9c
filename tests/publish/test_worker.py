"""Calls on a thread of their own: in order, with their results, and never waited for longer than asked."""

from __future__ import annotations

import threading

import pytest

from edge.errors import ThreadStuck
from edge.publish.worker import Worker, check_alive


def test_calls_are_made_in_order_and_return_what_they_return():
    worker, made = Worker("disk"), []
    calls = [worker.call(lambda number=number: made.append(number) or number) for number in range(5)]
    assert worker.close(5)
    assert made == [0, 1, 2, 3, 4]
    assert [call.result for call in calls] == [0, 1, 2, 3, 4]


def test_an_error_is_raised_where_the_result_is_read_and_later_calls_are_still_made():
    worker = Worker("disk")
    failed, later = worker.call(lambda: {}["key"]), worker.call(lambda: "made")
    assert later.wait(5)
    with pytest.raises(KeyError):
        _ = failed.result
    assert later.result == "made"
    assert worker.close(5)


def test_a_call_that_hangs_is_not_waited_for():
    worker, release = Worker("disk"), threading.Event()
    call = worker.call(lambda: release.wait(60))
    assert not call.wait(0.01)
    assert worker.close(0.01) is False
    release.set()
    assert call.wait(5)


def test_a_worker_without_calls_closes_at_once():
    assert Worker("disk").close(0) is True


def test_a_thread_that_ended_by_itself_is_reported_by_name_and_one_that_was_stopped_is_not():
    ended, stop = threading.Thread(name="outbox"), threading.Event()
    with pytest.raises(ThreadStuck, match="outbox"):
        check_alive(ended, stop)
    check_alive(threading.current_thread(), stop)
    stop.set()
    check_alive(ended, stop)
