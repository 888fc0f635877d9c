"""Inputs classified by processes of this machine; one that is killed costs its input one more try."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from edge.batch.engine import Engine, Job
from edge.batch.records import Kind, Record, packed
from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from edge.batch.inputs import Task

    Results = Generator[tuple[Task, bytes], None, None]

TRIES = 2
"""One more after a worker was killed: a second time it is the input that kills it, most likely by its size."""


@contextmanager
def worker_processes(job: Job, number: int) -> Iterator[Workers]:
    """Give processes, each of which loads the models once; end them at the end, whatever they do."""
    workers = Workers(job, number)
    try:
        yield workers
    finally:
        workers.end()


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process, and the input that it classifies for the n-th time.

    Pipes alone connect it with this process: queues, and the pools of the standard library, need a thread and
    semaphores more, of which the resource tracker complains after a kill.
    """

    process: SpawnProcess
    pipe: Connection
    task: Task
    attempt: int

    def begin(self, task: Task) -> _Worker:
        """Send the next input; if the process has been killed, `result` reports it."""
        with suppress(OSError):
            self.pipe.send(task)
        return replace(self, task=task, attempt=1)

    def result(self) -> bytes | None:
        """Return the packed result, None if the process was killed.

        Raises:
            EdgeError: what the engine raised there.
            RuntimeError: the process ended by itself; standard error has the reason.
        """
        try:
            answer: bytes | EdgeError = self.pipe.recv()
        except (EOFError, OSError) as ended:
            self.process.join()
            if (self.process.exitcode or 0) >= 0:  # less than 0: the signal that killed it
                raise RuntimeError(f"{self.task.path}: its worker failed") from ended
            return None
        if isinstance(answer, EdgeError):
            raise answer
        return answer

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


@dataclass(slots=True)
class Workers:
    """Processes with one input each, so that it is certain which one a killed process was working on."""

    job: Job
    number: int
    _busy: dict[Connection, _Worker] = field(default_factory=dict)

    def results(self, tasks: Iterable[Task]) -> Results:
        """Yield each input with its packed result as it is finished; at most one input per process is under way.

        Raises:
            EdgeError: what the engine raised in a process.
        """
        waiting = iter(tasks)
        for task in islice(waiting, self.number):
            self._start(task, 1)
        while self._busy:
            ready = wait(self._busy)
            for worker in [worker for pipe, worker in self._busy.items() if pipe in ready]:
                yield from self._finish(worker, waiting)

    def _start(self, task: Task, attempt: int) -> None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(self.job, there), name="classifier", daemon=True)
        process.start()
        there.close()  # so that the end of the process closes the pipe
        here.send(task)
        self._busy[here] = _Worker(process, here, task, attempt)

    def _finish(self, worker: _Worker, waiting: Iterator[Task]) -> Results:
        """Yield the result of a process, if it has one, which has the next input by then."""
        task, attempt = worker.task, worker.attempt
        result = worker.result()
        if result is None and attempt < TRIES:
            self._end(worker)
            self._start(task, attempt + 1)
            return
        following = next(waiting, None)
        if result is not None and following is not None:
            self._busy[worker.pipe] = worker.begin(following)
        else:
            self._end(worker)
            if following is not None:
                self._start(following, 1)
        yield task, killed(task) if result is None else result

    def _end(self, worker: _Worker) -> None:
        del self._busy[worker.pipe]
        worker.end()

    def end(self) -> None:
        """End all processes."""
        for worker in list(self._busy.values()):
            self._end(worker)


def killed(task: Task) -> bytes:
    """Return the result of an input whose workers were killed."""
    sentence = f"{task.path}: its worker was killed {TRIES} times, perhaps for lack of memory; fix: use fewer --workers"
    return packed([Record(Kind.BAD, str(task.path), sentence)])


def _serve(job: Job, pipe: Connection) -> None:
    """Classify one input after another in a process that ends with its parent, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    with suppress(EOFError, ConnectionError):  # nobody is there any more
        for answer in _answers(job, iter(pipe.recv, None)):
            pipe.send(answer)


def _answers(job: Job, tasks: Iterator[Task]) -> Iterator[bytes | EdgeError]:
    try:
        engine = Engine(job)
        for task in tasks:
            yield packed(engine.records(task))
    except EdgeError as error:
        yield error


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)
