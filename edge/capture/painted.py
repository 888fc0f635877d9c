"""A camera whose pictures are painted over as soon as they are read, before anything else sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.capture import Camera, Picture
    from edge.data import Image


class PaintedCamera:
    """Camera that passes every picture, in both sizes, through `paint`, which changes it in place."""

    def __init__(self, open_camera: Callable[[], Camera], paint: Callable[[Image], None]) -> None:
        """Open the camera.

        Raises:
            CameraError: it cannot be opened.
        """
        self._camera, self._paint = open_camera(), paint

    def read(self) -> Picture | None:
        """Return the next picture, painted over.

        Raises:
            CameraLost: the camera has gone.
        """
        picture = self._camera.read()
        if picture is not None:
            self._paint(picture.image)
            if picture.small is not None:
                self._paint(picture.small)
        return picture

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()
