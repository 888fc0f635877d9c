"""Inputs classified by processes of this machine; one that is killed costs its input one more try."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.batch.engine import Engine, Job
from edge.batch.records import Kind, Record, packed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from edge.batch.inputs import Task

    Results = Generator[tuple[Task, bytes], None, None]

TRIES = 2
"""One more after a worker was killed: a second time it is the input that kills it, most likely by its size."""


@contextmanager
def worker_processes(job: Job, number: int) -> Iterator[Workers]:
    """Start processes, each of which loads the models once; end them at the end, whatever they do."""
    workers = Workers(job, number)
    try:
        yield workers
    finally:
        for child in multiprocessing.active_children():
            child.kill()


@dataclass(slots=True)
class Workers:
    """Pools of one process each, so that it is certain which input a killed process was working on."""

    job: Job
    number: int
    _idle: list[ProcessPoolExecutor] = field(default_factory=list)
    _running: dict[Future[bytes], tuple[ProcessPoolExecutor, Task, int]] = field(default_factory=dict)

    def results(self, tasks: Iterable[Task]) -> Results:
        """Yield each input with its packed result as it is finished; at most one input per process is under way."""
        waiting = iter(tasks)
        self._idle = [self._new_pool() for _ in range(self.number)]
        while True:
            while self._idle and (task := next(waiting, None)):
                self._start(self._idle.pop(), task, 1)
            if not self._running:
                return
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from self._finish(future)

    def _new_pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(self.job,))

    def _start(self, pool: ProcessPoolExecutor, task: Task, attempt: int) -> None:
        self._running[pool.submit(_classify, task)] = (pool, task, attempt)

    def _finish(self, future: Future[bytes]) -> Results:
        """Yield the result of a finished future, if it has one, and free its process."""
        pool, task, attempt = self._running.pop(future)
        try:
            result = future.result()
        except BrokenProcessPool:
            if attempt < TRIES:
                self._start(self._new_pool(), task, attempt + 1)
                return
            pool, result = self._new_pool(), killed(task)
        self._idle.append(pool)
        yield task, result


def killed(task: Task) -> bytes:
    """Return the result of an input whose workers were killed."""
    sentence = f"{task.path}: its worker was killed {TRIES} times, perhaps for lack of memory; fix: use fewer --workers"
    return packed([Record(Kind.BAD, str(task.path), sentence)])


_engine: Engine


def _begin(job: Job) -> None:
    """Load the models in a new process, which ends with its parent and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    global _engine  # noqa: PLW0603 - a worker process has one engine, and its tasks find it here
    _engine = Engine(job)


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)


def _classify(task: Task) -> bytes:
    return packed(_engine.records(task))
