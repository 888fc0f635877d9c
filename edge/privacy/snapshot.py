"""The newest image as a pixelated JPEG, encoded only on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from edge.data import Scene
    from edge.privacy.pixelate import Pixelation

_WIDTH_PX = 640
_QUALITY = 80


class Snapshot:
    """Sink that holds the newest scene, and encodes it on demand."""

    def __init__(self, pixelation: Pixelation) -> None:
        """Pixelate with `pixelation`."""
        self._pixelation = pixelation
        self._scene: Scene | None = None

    def put(self, scene: Scene) -> None:
        """Hold a scene."""
        self._scene = scene

    def jpeg(self) -> bytes:
        """Return the newest image, at most 640 px wide; empty if there is none."""
        image = None if self._scene is None else self._pixelation.image(self._scene)
        if image is None:
            return b""
        scale = min(1.0, _WIDTH_PX / image.shape[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        done, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        return content.tobytes() if done else b""
