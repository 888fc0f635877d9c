"""The doctor reports which models are in force, and why they are not those that the store names."""

from __future__ import annotations

import io

from edge import paths
from edge.doctor import Finding, FindingState
from edge.doctor.models import models
from edge.registry import OpenGate
from tests.support.bundles import Signer, accept, small_bundle, store_in
from tests.support.settings import settings

SIGNER = Signer()


def test_the_models_in_force_and_their_problems_are_reported(tmp_path):
    store, own = store_in(tmp_path / "store", SIGNER), settings(f"models.store={tmp_path / 'store'}")
    assert models(own) == Finding("models", FindingState.OK, "built-in")
    trusting = settings(f"models.store={tmp_path / 'store'}", f'models.trusted_keys=["{SIGNER.public}"]')
    made = small_bundle(tmp_path / "made", signer=SIGNER)
    sha256 = store.install(io.BytesIO(made), "1.maskwatch", accept).sha256
    store.promote(sha256, OpenGate(), paths.models(), accept)
    assert models(trusting).text == f"version {sha256[:12]}, on trial"
    assert (models(own).state, "trusted_keys" in models(own).text) == (FindingState.WARNING, True)
    store.rollback("rolled back: it crashed")
    assert models(trusting) == Finding(
        "models", FindingState.WARNING, "rolled back: it crashed", "maskwatch models list"
    )
