"""The newest picture as a JPEG in which nobody can be recognised, made only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from edge.data import Scene
    from edge.privacy.pixelate import Pixelation

_WIDTH_PX = 640
_QUALITY = 80


class Snapshot:
    """Sink that holds the newest scene, and makes a picture of it on demand."""

    def __init__(self, pixelation: Pixelation) -> None:
        """Pixelate by `pixelation`."""
        self._pixelation = pixelation
        self._scene: Scene | None = None

    def put(self, scene: Scene) -> None:
        """Hold a scene."""
        self._scene = scene

    def jpeg(self) -> bytes:
        """Return the newest picture, at most 640 px wide; nothing while there is none."""
        picture = None if self._scene is None else self._pixelation.picture(self._scene)
        if picture is None:
            return b""
        scale = min(1.0, _WIDTH_PX / picture.shape[1])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        done, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        return content.tobytes() if done else b""
