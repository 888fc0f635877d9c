"""Inputs classified by a Dask cluster: the workers read them by their paths, and results come back to this machine."""

from __future__ import annotations

import importlib
import logging
import threading
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from edge.batch.engine import Engine, Job
from edge.batch.identity import difference, identity_of
from edge.batch.processes import killed
from edge.batch.records import packed
from edge.errors import ConfigError, EdgeError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from distributed import Client, Future

    from edge.batch.identity import Identity
    from edge.batch.inputs import Task
    from edge.batch.processes import Results

_PER_THREAD = 2
"""Inputs under way per thread of the cluster: one is classified, and one waits where it will be."""
_CONNECT_S = 10.0
_LOCAL = "local:"


@contextmanager
def cluster(job: Job, identity: Identity, address: str) -> Iterator[Cluster]:
    """Connect to a scheduler at `tcp://HOST:PORT`, or start `local:N` workers here.

    Raises:
        Unavailable: `distributed` is not installed, or the scheduler cannot be reached.
        ConfigError: the address is none.
    """
    distributed = _library()
    with _client(distributed, address) as client:
        yield Cluster(distributed, client, job, identity)


class Cluster:
    """The workers of a Dask cluster; one that dies costs its inputs another try, by the scheduler."""

    def __init__(self, distributed: ModuleType, client: Client, job: Job, identity: Identity) -> None:
        """Use a connected client; each worker has to have the given identity."""
        self._distributed, self._client = distributed, client
        self._job, self._identity = job, identity

    def results(self, tasks: Iterable[Task]) -> Results:
        """Yield each input with its packed result as it is finished; a bounded number is under way.

        Raises:
            ConfigError: a worker has another version of maskwatch, of a model or of a setting, or no maskwatch.
            Unavailable: the scheduler is gone.
        """
        waiting = iter(tasks)
        running: dict[Future, Task] = {}
        finished = self._distributed.as_completed()
        while True:
            while len(running) < self._most() and (task := next(waiting, None)):
                future = self._client.submit(_classify, self._job, task, self._identity, pure=False)
                running[future] = task
                finished.add(future)
            if not running:
                return
            future = next(finished)
            task = running.pop(future)
            yield task, self._result(future, task)

    def _most(self) -> int:
        threads: int = sum(self._client.nthreads().values())
        return max(1, _PER_THREAD * threads)

    def _result(self, future: Future, task: Task) -> bytes:
        try:
            result: bytes = future.result()
        except EdgeError:
            raise
        except self._distributed.scheduler.KilledWorker:
            return killed(task)
        except ModuleNotFoundError as error:
            raise ConfigError(f"a worker of the cluster lacks {error.name}; fix: install maskwatch there") from error
        except (OSError, self._distributed.client.FutureCancelledError) as error:
            raise Unavailable(f"the cluster is gone: {error}; fix: start it, and run this again") from error
        return result


def _library() -> ModuleType:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise Unavailable("--scheduler needs Dask; fix: pip install 'maskwatch[cluster]'") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is raised
    return distributed


@contextmanager
def _client(distributed: ModuleType, address: str) -> Iterator[Client]:
    if address.startswith(_LOCAL):
        number = address.removeprefix(_LOCAL)
        if not number.isdigit() or not int(number):
            raise ConfigError(f"--scheduler {address}: is no number of workers; fix: such as local:2")
        options = {"threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        with (
            distributed.LocalCluster(n_workers=int(number), silence_logs=50, **options) as workers,
            distributed.Client(workers) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(address, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise Unavailable(f"--scheduler {address}: cannot be reached; fix: start it, or correct the address") from error
    with suppress(TimeoutError), client:
        yield client


@lru_cache(maxsize=64)
def _engine_of(job: bytes, thread: int) -> Engine:  # noqa: ARG001 - each thread has its own
    import pickle  # noqa: PLC0415

    return Engine(pickle.loads(job))  # noqa: S301 - pickled by the worker itself


def _classify(job: Job, task: Task, identity: Identity) -> bytes:
    """Classify an input on a worker, if this worker would find what the machine that asks would."""
    import pickle  # noqa: PLC0415

    engine = _engine_of(pickle.dumps(job), threading.get_ident())
    if differs := difference(identity, identity_of(job, engine.models)):
        raise ConfigError(
            f"a worker of the cluster differs: {differs}; fix: install the same version of maskwatch there"
        )
    return packed(engine.records(task))
