"""Act as the owner of a folder: what root writes into the service's store must stay the service's to change."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Act as the owner of a folder, or of the nearest existing one above it, while this process is root's.

    It also keeps root from following a link that the service's user may have put there.
    Source: seteuid(2); the group is changed while that is still permitted, and changed back after the user.
    """
    owner = next(path for path in (folder, *folder.absolute().parents) if path.exists()).stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
