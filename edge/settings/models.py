"""Settings of the model store: where it is, and whose bundles it takes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge.settings.fields import Section


class ModelsSettings(Section):
    """Where models are installed, and whose are accepted; docs/models.md explains bundles."""

    store: str = Field(
        default="",
        description="Folder of the installed models. Empty: the folder models in the state folder, which is "
        "/var/lib/maskwatch for the service.",
    )
    trusted_keys: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(),
        description="Public keys of minisign, or files with them, whose signature a bundle needs. Without one, only "
        "unsigned bundles can be installed, and only where models.signature allows it.",
    )
    signature: Literal["required", "optional"] = Field(
        default="optional",
        description="required: a bundle must be signed with a trusted key. optional: an unsigned one can be installed "
        "with --unsigned.",
    )
