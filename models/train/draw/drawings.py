"""Draw masks and hard negatives over the bare faces of the training sources and of the two portraits.

    python -m models.train.draw.drawings WORK [--seed 2]

Reads WORK/crops/*.npz of the training sources, writes WORK/drawn/SOURCE.npz. Cloth is a print, or
for a third of the masks a patch of a real mask from the same source, stretched over the drawn outline.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.progress import track

from models.train.draw.lowered import Donors, lowered
from models.train.draw.masks import draw_mask, skin_colour
from models.train.draw.negatives import draw_negative, random_kind
from models.train.draw.portraits import PORTRAITS
from models.train.draw.styles import Fit, Make, Style, random_fit, random_style
from models.train.geometry import FaceCamera
from models.train.leaks import clean
from models.train.sources import Role, cropped
from models.train.stamp import fresh, stamp
from models.train.store import STORE_MARGIN, STORE_PX, Faces, concatenated, stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.train.draw.masks import Image

    Pixels = NDArray[np.float32]
    Array = NDArray[np.float64]

RECIPE = {"right": 2.4, "wrong": 3.4, "negative": 2.8, "covered": 0.4}
"""Drawings per bare face: masks worn correctly, incorrectly, objects that are no mask, and objects over a worn mask."""
_SLID = 0.5
"""Share of the worn masks that are moved below the nose: half of the wrong fits are to be masks on the chin."""
_MIN_FACE_PX = 28
_REAL_CLOTH = 0.35
_CODE = [
    *(
        Path(__file__).with_name(f"{name}.py")
        for name in ("canvas", "drawings", "fabric", "lowered", "masks", "negatives", "styles", "worn")
    ),
    *(Path(__file__).parent.with_name(f"{name}.py") for name in ("geometry", "store")),
]
"""The code that a drawing depends on as much as on the image under it."""
_FACE_SHARE = 1 / (1 + 2 * STORE_MARGIN)


def bare(faces: Faces) -> Faces:
    """Return the bare faces that are large enough and have landmarks."""
    seen = np.isfinite(faces.landmarks).all((1, 2))
    return faces.take((faces.labels == 1) & seen & (faces.face_px >= _MIN_FACE_PX))


def portrait_faces() -> Faces:
    """Return the faces of the two portraits, with boxes as a detector would give them."""
    crops, points = zip(
        *(stored(p.image(), box_of(np.array(p.landmarks)), np.array(p.landmarks)) for p in PORTRAITS), strict=True
    )
    n = len(PORTRAITS)
    return Faces(
        np.stack(crops),
        np.stack(points),
        np.ones(n, np.int64),
        np.full(n, 120, np.float32),
        np.arange(n),
        np.array(["real"] * n),
    )


def box_of(landmarks: Array) -> Array:
    """Return the face box, float (4,), for five landmarks: forehead to chin, cheek to cheek."""
    corners = FaceCamera.fit(landmarks.astype(np.float64)).project(np.array([[-1.75, -1.9], [1.75, 3.4]]))
    return np.concatenate([corners.min(0), corners.max(0)])


def swatches(faces: Faces, limit: int, rng: np.random.Generator) -> list[Pixels]:
    """Return patches of real masks, float32 (48, 48, 3), taken between nose and chin of masked faces."""
    seen = np.isfinite(faces.landmarks).all((1, 2))
    rows = np.flatnonzero((faces.labels == 0) & seen & (faces.face_px >= 2 * _MIN_FACE_PX))
    chosen = rng.permutation(rows)[:limit]
    return [_patch(faces.crops[row], faces.landmarks[row]) for row in chosen]


def _patch(crop: Image, landmarks: NDArray[np.float32]) -> Pixels:
    x, y = np.meshgrid(np.linspace(-1.15, 1.15, 48), np.linspace(1.05, 2.95, 48))
    at = FaceCamera.fit(landmarks.astype(np.float64)).project(np.column_stack([x.ravel(), y.ravel()]), lift=0.2)
    grid = at.reshape(48, 48, 2).astype(np.float32)
    return cv2.remap(crop, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32
    )


def toned(crop: Image, landmarks: Array, gamma: float) -> Image:
    """Return the crop with lighter or darker skin: `gamma` over head and neck, with a warmer hue if darker."""
    camera = FaceCamera.fit(np.asarray(landmarks, np.float64))
    x, y = camera.unproject(*crop.shape[:2])
    inside = 1 / (1 + np.exp(np.clip((np.hypot(x / 1.9, (y - 0.8) / 3.0) - 1) * 9, -30, 30)))
    exponent = gamma * np.array([1.12, 1.0, 0.92]) if gamma > 1 else np.full(3, gamma)
    dark = 255 * (crop / 255.0) ** exponent
    return np.clip(crop * (1 - inside[..., None]) + dark * inside[..., None], 0, 255).astype(np.uint8)


def masked(
    crop: Image, landmarks: Array, fit: Fit, cloths: list[Pixels], rng: np.random.Generator
) -> tuple[Image, str]:
    """Return the crop with a random mask, and what was drawn as "fit/make/dye"."""
    style = random_style(rng, fit, skin_colour(crop, landmarks))
    if cloths and rng.random() < _REAL_CLOTH and style.make is not Make.CLEAR:
        style = replace(style, swatch=_dyed(cloths[rng.integers(len(cloths))], rng), pattern="solid", dye="real")
    return draw_mask(crop, landmarks, style, rng), name_of(style)


def name_of(style: Style) -> str:
    """Return what was drawn, as "fit/make/dye", or "fit/make/print" if there is a print."""
    return f"{style.fit.value}/{style.make.value}/{style.dye if style.pattern == 'solid' else style.pattern}"


def _dyed(cloth: Pixels, rng: np.random.Generator) -> Pixels:
    """Return real cloth in its own colour or dyed."""
    return cloth if rng.random() < 0.4 else np.clip(cloth * rng.uniform(0.35, 1.1, 3), 0, 255).astype(np.float32)


def at_native(crop: Image, face_px: float) -> Image:
    """Return a drawn crop as blurred as its source image: a drawing must not be sharper than the face."""
    native = round(STORE_PX * face_px / (STORE_PX * _FACE_SHARE))
    if native >= STORE_PX:
        return crop
    small = cv2.resize(crop, (native, native), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (STORE_PX, STORE_PX), interpolation=cv2.INTER_LINEAR), np.uint8)


def draw_one(
    task: str, crop: Image, landmarks: Array, cloths: list[Pixels], rng: np.random.Generator
) -> tuple[Image, int, str]:
    """Return a drawing of one kind of `RECIPE`, its label and its name."""
    face = toned(crop, landmarks, float(np.exp(rng.uniform(-0.35, 0.95)))) if rng.random() < 0.5 else crop
    if task == "negative":
        kind = random_kind(rng)
        return draw_negative(face, landmarks, kind, rng), 1, kind
    fit = random_fit(rng) if task == "wrong" else Fit.RIGHT
    image, name = masked(face, landmarks, fit, cloths, rng)
    if task == "covered":
        kind = str(rng.choice(["hand", "microphone", "phone", "cup"]))
        return draw_negative(image, landmarks, kind, rng), 0, f"{name}+{kind}"
    return image, 0 if fit is Fit.RIGHT else 2, name


def drawings(faces: Faces, cloths: list[Pixels], recipe: dict[str, float], rng: np.random.Generator) -> Faces:
    """Return the drawings of `recipe` over each of `faces`."""
    rows = []
    results = []
    for row in track(range(len(faces)), "draw"):
        for task, count in recipe.items():
            for _ in range(int(count) + int(rng.random() < count % 1)):
                image, label, name = draw_one(task, faces.crops[row], faces.landmarks[row], cloths, rng)
                results.append((at_native(image, float(faces.face_px[row])), label, name))
                rows.append(row)
    base = faces.take(np.array(rows))
    return replace(
        base,
        crops=np.stack([r[0] for r in results]),
        labels=np.array([r[1] for r in results]),
        kinds=np.array([r[2] for r in results]),
    )


def slid(faces: Faces, rng: np.random.Generator) -> Faces:
    """Return the correctly masked faces with their masks moved below the nose (`lowered`)."""
    seen = np.isfinite(faces.landmarks).all((1, 2)) & (faces.face_px >= _MIN_FACE_PX)
    noses = faces.take(seen & (faces.labels == 1))
    worn = np.flatnonzero(seen & (faces.labels == 0))
    wearers = faces.take(np.sort(rng.permutation(worn)[: round(_SLID * len(worn))]))
    donors = Donors.of(noses.crops, noses.landmarks)
    images = [lowered(crop, points, donors, rng) for crop, points in zip(wearers.crops, wearers.landmarks, strict=True)]
    done = wearers.take(np.array([image is not None for image in images]))
    return replace(
        done,
        crops=np.stack([image for image in images if image is not None]),
        labels=np.full(len(done), 2),
        kinds=np.array(["slid"] * len(done)),
    )


def main() -> None:
    """Draw over the bare faces of every training source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    for entry in cropped(args.work):
        target = args.work / "drawn" / f"{entry.name}.npz"
        inputs = [args.work / "crops" / f"{entry.name}.npz", args.work / "leaks.json", *_CODE]
        if entry.role is not Role.TRAIN or fresh(target, inputs, RECIPE, args.seed):
            continue
        rng = np.random.default_rng(args.seed)
        faces = clean(args.work, entry.name)
        drawn = drawings(bare(faces), swatches(faces, 600, rng), RECIPE, rng)
        concatenated([drawn, slid(faces, rng)]).save(target)
        stamp(target, inputs, RECIPE, args.seed)
    recipe = {name: count * 40 for name, count in RECIPE.items()}
    drawings(portrait_faces(), [], recipe, np.random.default_rng(args.seed)).save(args.work / "drawn" / "portraits.npz")


if __name__ == "__main__":
    main()
