"""Settings of the gate: what new models have to show before they are promoted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.settings.fields import Section, Share

_Points = Annotated[float, Field(ge=0.005, le=0.2, allow_inf_nan=False)]


class GateSettings(Section):
    """What a challenger has to show before `maskwatch models promote` promotes it; docs/shadow.md explains it."""

    labelled: str = Field(
        default="",
        description="Folder with labelled images of your place, as `maskwatch evaluate` reads it. Empty: those in the "
        "challenger's bundle.",
    )
    margin: _Points = Field(
        default=0.02,
        description="By how much the share of faces classified right may be lower, at most. The least number of "
        "labelled images is 0.72 divided by its square: 1,800 for 0.02, 800 for 0.03.",
    )
    fall: _Points = Field(
        default=0.03, description="By how much it may be lower in any slice: a label, size, light, pose or kind."
    )
    floor: Share = Field(
        default=0.75,
        description="Least share of the faces without a mask that is recognised in the worst slice of at least 50.",
    )
    shadow_faces: int = Field(
        default=300,
        ge=0,
        le=1_000_000,
        description="Faces that the shadow must have compared on the street. 0: the street is not asked.",
    )
    slower: float = Field(
        default=1.5,
        ge=1,
        le=100,
        allow_inf_nan=False,
        description="How many times the champion's processor time the challenger may take, by the medians.",
    )
    unsure: Share = Field(
        default=0.05, description="By how much the share of unsure verdicts on the street may be larger."
    )
    disagreement: Share = Field(
        default=0.2, description="Largest share of the faces of a size or a light on which they may disagree."
    )
