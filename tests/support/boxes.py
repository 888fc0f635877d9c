"""Boxes of faces at a known place."""

from __future__ import annotations

SIZE_PX = (1280, 720)


def box_at(x_m: float, z_m: float, height_m: float = 0.2) -> tuple[float, float, float, float]:
    """Return the box of a face with a focal length of one picture width."""
    middle, half = 640 + 1280 * x_m / z_m, 1280 * height_m / z_m / 2
    return middle - 0.8 * half, 360 - half, middle + 0.8 * half, 360 + half
