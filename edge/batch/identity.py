"""What a result depends on apart from its input: product, runtime, models and settings; in what two of them differ."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.tflite import read_spec

if TYPE_CHECKING:
    from edge.batch.engine import Job
    from edge.stages import Models
    from edge.tflite import ModelSpec

Identity = dict[str, Any]
_SECTIONS = {"camera": {"rotate", "flip"}, "privacy": {"no_look"}}
_WHOLE = ("detector", "classifier", "vote", "track", "alert")
"""The settings that decide what is found in a file."""


def identity_of(job: Job, models: Models) -> Identity:
    """Return what the results of a job depend on, as JSON values."""
    used = job.settings.model_dump(mode="json", include=_SECTIONS | dict.fromkeys(_WHOLE, True))
    settings = {f"{section}.{key}": value for section, keys in used.items() for key, value in keys.items()}
    of_models = {f"{kind} model": _hash_of(spec) for kind, spec in sorted(_specs(models).items())}
    runs = {"runtime": models.runtime["name"], "delegate": models.runtime["delegate"]}
    return {"version": __version__, **runs, **of_models, "--every": job.every_s, **settings}


def _specs(models: Models) -> dict[str, ModelSpec]:
    """Return the model.toml of each model, also of the detector's verifier."""
    verifier = models.specs["face"].verifier
    more = {"verifier": read_spec(models.folders["face"] / verifier.folder)} if verifier else {}
    return {**models.specs, **more}


def _hash_of(spec: ModelSpec) -> str:
    """Return a hash over a model and what its model.toml specifies for its use, such as thresholds."""
    return hashlib.sha256(spec.model_dump_json(exclude={"training", "metrics"}).encode()).hexdigest()


def difference(before: Identity, now: Identity) -> str:
    """Return the first difference for people, such as `alert.dwell_s was 1.0 and is 2.0`; empty if there is none."""
    for key in (*now, *before):
        if before.get(key) != now.get(key):
            return f"{key} was {_short(before.get(key))} and is {_short(now.get(key))}"
    return ""


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) > 40 else text
