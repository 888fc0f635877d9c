"""The examples for updaters call the commands in the order in which an updater calls them, and undo only their own."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile

import pytest

from tests.support.program import ROOT

UPDATES = ROOT / "examples/updates"
SUMS = b"a list of files\n"
VERSION = hashlib.sha256(SUMS).hexdigest()


class Device:
    """Programs that record how they are called; `verify` prints which version is the champion."""

    def __init__(self, folder) -> None:
        self.calls, self._programs = folder / "calls", folder / "programs"
        self._programs.mkdir()
        (folder / "files").mkdir()
        self.artifact = folder
        self.is_champion(VERSION)
        with tarfile.open(folder / "files/7.maskwatch", "w") as bundle:
            entry = tarfile.TarInfo("SHA256SUMS")
            entry.size = len(SUMS)
            bundle.addfile(entry, io.BytesIO(SUMS))

    def is_champion(self, version: str) -> None:
        answer = f'[ "$2" != verify ] || echo "version {version[:12]}: whole"\n'
        for name in ("maskwatch", "systemctl"):
            program = self._programs / name
            program.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.calls}\n{answer}')
            program.chmod(0o755)

    def force(self, reason: str) -> None:
        (self.artifact / "files/force.txt").write_text(f"{reason}\n")

    def run(self, script: str, *arguments: str, **more: str) -> tuple[int, str, list[str]]:
        path = {"PATH": f"{self._programs}:{os.environ['PATH']}"}
        done = subprocess.run(
            [UPDATES / script, *arguments], capture_output=True, text=True, check=False, env=os.environ | path | more
        )
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return done.returncode, done.stdout, calls


@pytest.fixture
def device(tmp_path):
    return Device(tmp_path)


@pytest.mark.parametrize(("state", "answer"), [("NeedsArtifactReboot", "No\n"), ("SupportsRollback", "Yes\n")])
def test_mender_s_questions_are_answered(device, state, answer):
    assert device.run("maskwatch-models", state, str(device.artifact)) == (0, answer, [])


def test_mender_installs_for_the_shadow_and_leaves_the_promotion_to_the_gate(device):
    code, _, calls = device.run("maskwatch-models", "ArtifactInstall", str(device.artifact))
    install = f"maskwatch models install {device.artifact / 'files'}"
    assert (code, calls) == (0, [install, "systemctl try-restart maskwatch"])
    code, _, calls = device.run("maskwatch-models", "ArtifactCommit", str(device.artifact))
    assert (code, calls[-1]) == (0, f"maskwatch models verify {VERSION}")


def test_mender_promotes_at_once_where_the_artifact_states_the_reason(device):
    device.force("measured by hand")
    code, _, calls = device.run("maskwatch-models", "ArtifactInstall", str(device.artifact))
    assert (code, calls[1:]) == (
        0,
        [f"maskwatch models promote {VERSION} --force measured by hand", "systemctl try-restart maskwatch"],
    )


def test_mender_commits_a_promoted_version_only_while_it_is_the_champion(device):
    device.force("measured by hand")
    assert device.run("maskwatch-models", "ArtifactCommit", str(device.artifact))[0] == 0
    device.is_champion("0" * 64)
    assert device.run("maskwatch-models", "ArtifactCommit", str(device.artifact))[0] != 0


def test_mender_takes_back_only_its_own_version(device):
    code, _, calls = device.run("maskwatch-models", "ArtifactRollback", str(device.artifact))
    assert (code, calls[0]) == (0, f"maskwatch models rollback {VERSION}")


def test_rauc_s_hook_installs_the_image_and_refuses_other_hooks(device):
    code, _, calls = device.run("rauc-hook.sh", "slot-install", RAUC_IMAGE_NAME="/b/7.maskwatch")
    assert (code, calls) == (0, ["maskwatch models install /b/7.maskwatch", "systemctl try-restart maskwatch"])
    assert device.run("rauc-hook.sh", "install-check")[0] == 1
