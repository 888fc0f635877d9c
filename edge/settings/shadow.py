"""Settings of the shadow: which other models work on the same images, and how much of the processor they may use."""

from __future__ import annotations

from pydantic import Field

from edge.settings.fields import Section, Share


class ShadowSettings(Section):
    """Other models that work on some of the same crops and frames, for comparison; docs/shadow.md explains it."""

    model: str = Field(
        default="",
        description="Folder of the other models, with mask/ or face/ as the models in force have them; built-in: those "
        "that ship. Empty: the challenger of the model store, where there is one.",
    )
    cpu_share: Share = Field(
        default=0.05,
        description="Processor time that they may use, as a share of one core. 0: no comparison. They run with the "
        "lowest priority, after everything else is done with a frame.",
    )
