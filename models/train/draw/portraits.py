"""The two public-domain portraits that the project may ship: their files, and the positions of their faces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Portrait:
    """An image inside an installed package.

    landmarks: x, y of the eyes, nose and mouth corners, px, found by CenterFace at 640 px.
    figure: x1, y1, x2, y2 of head and shoulders.  body, head: rough outlines that GrabCut starts from, px.
    """

    name: str
    package: str
    path: str
    origin: str
    landmarks: tuple[tuple[float, float], ...]
    figure: tuple[int, int, int, int]
    head: tuple[int, int, int, int]
    shoulders: tuple[tuple[int, int], ...]

    @property
    def file(self) -> Path:
        """The image as it was installed."""
        module = util.find_spec(self.package)
        if module is None or module.origin is None:
            raise FileNotFoundError(f"{self.package} is not installed; fix: pip install 'maskwatch[train]'")
        return Path(module.origin).parent / self.path

    @property
    def sha256(self) -> str:
        """The hash of the file."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    @property
    def version(self) -> str:
        """The version of the package the file came with."""
        return metadata.version({"skimage": "scikit-image"}.get(self.package, self.package))

    def image(self) -> Image:
        """Return the image, uint8 (H, W, 3) BGR."""
        image = cv2.imread(str(self.file))
        if image is None:
            raise FileNotFoundError(f"{self.file}: is not an image")
        return np.asarray(image, np.uint8)


ASTRONAUT = Portrait(
    name="astronaut",
    package="skimage",
    path="data/astronaut.png",
    origin="Eileen Collins, astronaut; portrait by NASA, public domain (work of the United States government)",
    landmarks=((203, 101), (248, 100), (225, 124), (204, 144), (243, 144)),
    figure=(50, 0, 380, 345),
    head=(152, 12, 300, 190),
    shoulders=((112, 190), (300, 190), (345, 300), (362, 345), (45, 345), (70, 280)),
)
HOPPER = Portrait(
    name="hopper",
    package="matplotlib",
    path="mpl-data/sample_data/grace_hopper.jpg",
    origin="Grace Hopper, rear admiral; portrait by James S. Davis, US Navy, public domain (work of the United "
    "States government)",
    landmarks=((228, 203), (310, 200), (269, 242), (236, 281), (303, 279)),
    figure=(10, 10, 512, 600),
    head=(155, 22, 380, 340),
    shoulders=((215, 335), (325, 335), (420, 372), (472, 395), (492, 430), (498, 600), (20, 600), (34, 410), (90, 372)),
)
PORTRAITS = (ASTRONAUT, HOPPER)
