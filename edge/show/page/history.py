"""The history on the web page: alerts searched by time, label and duration, people by hour, and both as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.clock import Clock
from edge.errors import InputError
from edge.history import store
from edge.history.export import csv_lines
from edge.history.query import parse
from edge.history.records import LABELS, ROW, by_hour
from edge.show.page.door import STATIC, file_route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request

    from edge.history.query import Query

_LISTED = 50
_NAMES = ("since", "until", "label", "at_least", "at_most")
_PEOPLE = ("hour", *LABELS)


class History:
    """The endpoints of the history in one file."""

    def __init__(self, path: Path) -> None:
        """Read a file, which need not exist yet."""
        self._path = path

    def routes(self) -> list[Route]:
        """Return the page, and what it requests."""
        answers = {
            "/history/alerts.json": self._alerts,
            "/history/people.json": self._people,
            "/history/alerts.csv": self._alerts_csv,
            "/history/people.csv": self._people_csv,
        }
        return [
            file_route(STATIC / "history.html", "/history"),
            *(Route(address, _answered(answer), methods=["GET"]) for address, answer in answers.items()),
        ]

    def _alerts(self, query: Query) -> Response:
        """Return the newest alerts of a query, and whether there are older ones."""
        rows = list(self._rows(query, _LISTED + 1))
        return JSONResponse({"alerts": rows[:_LISTED], "more": len(rows) > _LISTED})

    def _people(self, query: Query) -> Response:
        return JSONResponse({"hours": by_hour(store.people(self._path, query.since, query.until))})

    def _alerts_csv(self, query: Query) -> Response:
        return _csv(csv_lines(self._rows(query), ROW), "alerts.csv")

    def _people_csv(self, query: Query) -> Response:
        hours = by_hour(store.people(self._path, query.since, query.until))
        return _csv(csv_lines(hours, _PEOPLE), "people.csv")

    def _rows(self, query: Query, limit: int | None = None) -> Iterator[dict[str, Any]]:
        camera = store.camera_of(self._path)
        for episode in store.episodes(self._path, query, limit):
            yield episode.as_row(camera)


def _answered(answer: Callable[[Query], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that answers a query, with a sentence where the query is wrong or there is no history."""

    async def endpoint(request: Request) -> Response:
        try:
            asked = {name: request.query_params.get(name, "") for name in _NAMES}
            return await run_in_threadpool(answer, parse(Clock().wall(), **asked))
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 400)
        except InputError as error:
            return PlainTextResponse(f"{error}\n", 404)

    return endpoint


def _csv(lines: Iterator[str], name: str) -> Response:
    """Return a file for download; its first lines are read at once, so that an error is still a status."""
    first = next(lines)

    def body() -> Iterator[str]:
        yield first
        yield from lines

    return StreamingResponse(
        body(), media_type="text/csv", headers={"Content-Disposition": f"attachment; filename={name}"}
    )
