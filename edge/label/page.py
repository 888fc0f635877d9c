"""What the browser of `maskwatch label` may request: the page, the photographs, and the labels to keep."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from edge.errors import CameraError, OutputError
from edge.label.listing import Photograph
from edge.show.page.door import STATIC, Door, file_route

if TYPE_CHECKING:
    from starlette.requests import Request

    from edge.label.listing import Listing
    from edge.label.photographs import Photographs
    from edge.settings.schema import WebSettings

_STATIC = Path(__file__).parent / "static"
_BODY_BYTES = 131_072
"""500 faces with kind and pose are 60 KB."""


class LabelPage:
    """The endpoints for one folder."""

    def __init__(self, settings: WebSettings, token: str, photographs: Photographs, listing: Listing) -> None:
        """Serve the photographs, and keep their labels in a listing."""
        self._door = Door(settings, token)
        self._photographs = photographs
        self._listing = listing

    def app(self, hosts: frozenset[str]) -> Starlette:
        """Return the application, for requests whose Host is one of `hosts`."""
        routes = [
            file_route(_STATIC / "label.html", "/"),
            file_route(_STATIC / "label.js"),
            file_route(_STATIC / "label.css"),
            file_route(STATIC / "elements.js"),
            Route("/photographs", self._list, methods=["GET"]),
            Route("/photographs/{number:int}", self._photograph, methods=["GET"]),
            Route("/photographs/{number:int}", self._keep, methods=["POST"]),
            Route("/photographs/{number:int}.jpg", self._image, methods=["GET"]),
            *self._door.routes(),
        ]
        app = Starlette(routes=routes, middleware=[self._door.guard(hosts, _BODY_BYTES)])
        app.router.redirect_slashes = False
        return app

    async def _list(self, _request: Request) -> Response:
        files = self._photographs.files
        rows = [{"file": file, "complete": self._listing.is_complete(file)} for file in files]
        return JSONResponse({"folder": self._photographs.folder.resolve().name, "photographs": rows})

    async def _photograph(self, request: Request) -> Response:
        """Return the size of a photograph and its faces, those that have no label yet after the others."""
        file = self._file(request)
        if file is None:
            return _absent()
        try:
            shown = await asyncio.to_thread(self._photographs.shown, file)
        except CameraError as error:
            return PlainTextResponse(str(error), 422)
        faces = self._listing.of(file)
        if faces is None or not self._listing.is_complete(file):
            faces = self._photographs.with_proposals(file, faces)
        return JSONResponse({"width": shown.width_px, "height": shown.height_px, **faces.model_dump()})

    async def _image(self, request: Request) -> Response:
        file = self._file(request)
        if file is None:
            return _absent()
        try:
            return Response((await asyncio.to_thread(self._photographs.shown, file)).jpeg, media_type="image/jpeg")
        except CameraError as error:
            return PlainTextResponse(str(error), 422)

    async def _keep(self, request: Request) -> Response:
        """Keep the labels of a photograph; what is answered is on the disk."""
        file = self._file(request)
        if file is None:
            return _absent()
        try:
            photograph = Photograph.model_validate_json(await request.body())
            await asyncio.to_thread(self._listing.put, file, photograph)
        except ValidationError as error:
            return PlainTextResponse(f"{error.errors()[0]['msg']}\n", 400)
        except OutputError as error:
            return PlainTextResponse(str(error), 507)
        return JSONResponse({"complete": photograph.is_complete})

    def _file(self, request: Request) -> str | None:
        number, files = int(request.path_params["number"]), self._photographs.files
        return files[number] if number < len(files) else None


def _absent() -> Response:
    return PlainTextResponse("There is no such photograph.\n", 404)
