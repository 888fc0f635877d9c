"""The service's scripts, run whole on this machine under layers that take all writes; Python and systemd are stubs."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.mounts import mounts
from tests.support.program import ROOT

LOCK = ROOT / "systemd" / "requirements.lock"
LAYERS = """
mount -t tmpfs none /mnt
for folder in etc opt usr/local var/lib; do
    mkdir -p /mnt/$folder/upper /mnt/$folder/work
    mount -t overlay none -o lowerdir=/$folder,upperdir=/mnt/$folder/upper,workdir=/mnt/$folder/work /$folder
done
"""
STUBS = {
    "python3": """
case $* in
*platform.machine*) echo "$MACHINE" ;;
"-m venv"*)
    for folder; do :; done
    mkdir -p $folder/bin
    printf '#!/bin/sh\\necho "$@" >> $LOG\\n' > $folder/bin/python
    printf '#!/bin/sh\\necho "$MASKWATCH_ENV: $*" >> $LOG\\n' > $folder/bin/maskwatch
    chmod 755 $folder/bin/*
    ;;
esac
""",
    "systemctl": "exit 0",
    "systemd-sysusers": "exit 0",
    "getent": "exit 0",
}


def ran(tmp_path: Path, script: str, machine: str = "x86_64 3.13") -> tuple[str, list[str]]:
    """Return what a script printed, and what was called in the environment of the service."""
    for name, text in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "MACHINE": machine}
    env["LOG"] = str(tmp_path / "log")
    command = ["unshare", "--mount", "sh", "-ec", f"{LAYERS}\ncd {ROOT}\n{script}"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, (tmp_path / "log").read_text().splitlines()


@mounts
@pytest.mark.parametrize("machine", ["x86_64 3.11", "x86_64 3.13", "aarch64 3.11", "aarch64 3.13"])
def test_every_package_of_the_service_is_checked_by_the_hash_of_the_lock(tmp_path, machine):
    _, called = ran(tmp_path, "systemd/install.sh", machine)
    packages, program = (line for line in called if line.startswith("-m pip install"))
    assert packages.endswith(f"--require-hashes --requirement {LOCK}")
    assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(program.split())


@mounts
def test_on_32_bit_arm_the_versions_of_the_lock_are_installed_since_piwheels_has_other_hashes(tmp_path):
    output, called = ran(tmp_path, "systemd/install.sh", "armv7l 3.11")
    packages = next(line for line in called if line.startswith("-m pip install"))
    assert packages.endswith("/pins")
    assert "without verifying hashes" in output


@mounts
def test_where_the_lock_does_not_fit_that_is_printed(tmp_path):
    output, called = ran(tmp_path, "systemd/install.sh", "riscv64 3.14")
    assert "The lock does not cover this Python and processor" in output
    assert "--require-hashes" not in "".join(called)


@mounts
def test_the_command_is_installed_with_the_service_and_reads_the_settings_as_it_does(tmp_path):
    script = """
    systemd/install.sh
    cd /
    maskwatch doctor --json x
    maskwatch run --source demo
    MASKWATCH_ENV=staging maskwatch check
    echo MASKWATCH_ENV=staging > /etc/maskwatch/environment
    maskwatch check --json -
    MASKWATCH_ENV=production maskwatch check
    """
    _, called = ran(tmp_path, script)
    assert called[-5:-2] == ["production: doctor --json x", ": run --source demo", "staging: check"]
    assert called[-2:] == ["staging: check --json -", "production: check"]


@mounts
def test_uninstalling_removes_the_command_and_names_what_stays(tmp_path):
    script = """
    systemd/install.sh > /dev/null
    mkdir -p /var/lib/maskwatch /etc/systemd/system/maskwatch.service.d
    systemd/uninstall.sh
    test ! -e /usr/local/bin/maskwatch
    test ! -e /opt/maskwatch
    test -e /etc/maskwatch/config.toml
    """
    output, _ = ran(tmp_path, script)
    assert "sudo rm -r /etc/maskwatch /var/lib/maskwatch /etc/systemd/system/maskwatch.service.d; " in output
    assert "sudo userdel maskwatch" in output


@mounts
def test_uninstalling_keeps_another_maskwatch_on_the_path_and_lists_only_existing_files(tmp_path):
    script = """
    echo '#!/bin/sh' > /usr/local/bin/maskwatch
    systemd/uninstall.sh
    test -e /usr/local/bin/maskwatch
    touch $LOG
    """
    output, _ = ran(tmp_path, script)
    assert "/var/lib/maskwatch" not in output


def locked() -> list[Requirement]:
    return [Requirement(line.split("\\")[0]) for line in LOCK.read_text().splitlines() if re.match(r"\w.*==", line)]


def wanted() -> list[Requirement]:
    """Return what setup.py requires, as it is installed here."""
    found = [Requirement(line) for line in importlib.metadata.requires("maskwatch") or []]
    return [requirement for requirement in found if "extra" not in str(requirement.marker)]


def applies(requirement: Requirement, machine: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**default_environment(), **machine})


@pytest.mark.parametrize(
    ("processor", "version"),
    [("x86_64", "3.11"), ("x86_64", "3.13"), ("aarch64", "3.11"), ("aarch64", "3.13"), ("armv7l", "3.11")],
)
def test_lock_and_setup_agree_on_every_machine_that_the_lock_is_for(processor, version):
    machine = {"platform_machine": processor, "python_version": version, "python_full_version": f"{version}.2"}
    machine["sys_platform"] = "linux"
    pins = [pin for pin in locked() if applies(pin, machine)]
    versions = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}
    assert len(versions) == len(pins)
    for requirement in wanted():
        if applies(requirement, machine):
            assert requirement.specifier.contains(versions[requirement.name]), requirement
    assert ("tflite-runtime" in versions) == (processor == "armv7l")


def test_the_lock_holds_all_that_its_packages_require_has_a_hash_for_each_and_names_no_place():
    pins, text = {canonicalize_name(pin.name) for pin in locked()}, LOCK.read_text()
    for pin in locked():
        for line in importlib.metadata.requires(pin.name) or [] if _is_here(pin) else []:
            requirement = Requirement(line)
            if applies(requirement, {"extra": ""}):
                assert canonicalize_name(requirement.name) in pins, (pin.name, line)
    assert re.findall(r"==[^\n]*[^\\\n]\n", text) == []  # each pin goes on in a line with its hash
    assert re.findall(r"https?:|/|index", text.partition("\n")[2]) == []


def _is_here(pin: Requirement) -> bool:
    try:
        return applies(pin, {}) and importlib.metadata.version(pin.name) != ""
    except importlib.metadata.PackageNotFoundError:
        return False
