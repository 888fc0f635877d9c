"""The 95 % interval of a share."""

from __future__ import annotations

import math

Z = 1.96
"""Normal quantile of a 95 % interval."""


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if not n:
        return 0.0, 1.0
    part = hits / n
    middle = (part + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(part * (1 - part) / n + Z * Z / (4 * n * n))
    return middle - half, middle + half
