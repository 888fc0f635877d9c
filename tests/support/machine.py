"""A Debian to test in: bootstrapped once into a cache, with an overlay in memory for what each test writes."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.needs import lack, need
from tests.support.program import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUITE = "trixie"
PACKAGES = (
    *("ca-certificates", "dbus", "libgl1", "libglib2.0-0", "make", "mosquitto", "mosquitto-clients", "sudo", "systemd"),
    *("libcamera-ipa", "python3-libcamera", "python3-pip", "python3-venv", "procps", "systemd-sysv", "udev"),
    *("gcc", "libc6-dev", "libcap-dev", "python3-dev"),  # two of picamera2's parts come as source
)
SOURCES = (
    "edge",
    "models",
    "config",
    "systemd",
    "tests",
    "setup.py",
    "pyproject.toml",
    "README.md",
    "Makefile",
    "setup-apt.sh",
)
_AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BOOT_S = 90.0


class Machine:
    """A Debian in a folder: commands run in it by chroot, or by its own systemd once it is booted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def run(
        self, *command: str, check: bool = True, timeout_s: float = 300, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside; what it prints comes back as one text."""
        booted = ["nsenter", f"--target={self._leader}", *("--mount", "--uts", "--ipc", "--net", "--pid")]
        # with /proc: without /proc/cpuinfo the TFLite runtime chooses kernels that are 80 times as slow
        chroot = f'mount -t proc proc {self.root}/proc && exec chroot {self.root} "$@"'
        inside = booted if self._nspawn else ["unshare", "--mount", "--propagation=private", "sh", "-ec", chroot, "sh"]
        variables = [_PATH, "HOME=/root", "LANG=C.UTF-8", *(f"{key}={value}" for key, value in environ.items())]
        ended = subprocess.run(
            [*inside, "env", "-i", *variables, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert not check or ended.returncode == 0, f"{' '.join(command)}: exit {ended.returncode}\n{ended.stdout}"
        return ended

    def path(self, inside: str) -> Path:
        """Return where a file of the machine lies for us."""
        prefix = Path(f"/proc/{self._leader}/root") if self._nspawn else self.root
        return prefix / inside.lstrip("/")

    def copy_clone(self, to: str = "/src") -> None:
        """Copy what git tracks of this clone."""
        self.path(to).mkdir(parents=True, exist_ok=True)
        for name in SOURCES:
            source, target = ROOT / name, self.path(to) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy2(source, target)

    def copy_wheels(self, to: str = "/wheels") -> None:
        """Copy the wheelhouse."""
        shutil.copytree(wheelhouse(), self.path(to))

    def boot(self, *options: str) -> None:
        """Start the machine's own systemd, without a network but its loopback, and wait until it has come up."""
        # a tmpfs in a separate mount namespace: nspawn wants to share mounts there, and leaves nothing behind
        script = (
            "mkdir -p /run/systemd/nspawn && mount -t tmpfs tmpfs /run/systemd/nspawn && exec systemd-nspawn "
            f"--directory={self.root} --boot --private-network --console=pipe --register=no --keep-unit --quiet "
            f"{shlex.join(options)}"
        )
        self._nspawn = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "sh", "-c", script],
            env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert comes_true(self._found_leader, _BOOT_S), "systemd-nspawn did not start; is systemd-container installed?"
        assert comes_true(self._is_up, _BOOT_S), self.run("systemctl", "list-units", "--failed", check=False).stdout

    def _found_leader(self) -> bool:
        assert self._nspawn
        assert self._nspawn.poll() is None, f"systemd-nspawn ended with {self._nspawn.returncode}"
        for child in Path(f"/proc/{self._nspawn.pid}/task").glob("*/children"):
            for pid in child.read_text().split():
                status = Path(f"/proc/{pid}/status").read_text()
                if status.split("NSpid:")[1].splitlines()[0].split()[-1:] == ["1"]:
                    self._leader = int(pid)
        return self._leader > 0

    def _is_up(self) -> bool:
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def shut_down(self) -> None:
        """End the machine in good order; its disk stays."""
        if self._nspawn:
            self._nspawn.terminate()
            try:
                self._nspawn.wait(_BOOT_S)
            except subprocess.TimeoutExpired:
                self.pull_the_plug()
        assert comes_true(lambda: not Path(f"/proc/{self._leader}").exists(), 10), "the machine outlived its nspawn"
        self._nspawn, self._leader = None, 0

    def pull_the_plug(self) -> None:
        """End the machine as a power cut does, but for the host's page cache; its disk stays."""
        if self._nspawn:
            os.kill(self._leader, signal.SIGKILL)
            self._nspawn.wait(_BOOT_S)
        self._nspawn, self._leader = None, 0


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Give a fresh machine over the cached Debian; what is written in it goes with it."""
    lower, layer = debian(), folder / "layer"
    with _mounted("tmpfs", layer):
        for part in ("upper", "work"):
            (layer / part).mkdir()
        options = f"lowerdir={lower},upperdir={layer / 'upper'},workdir={layer / 'work'}"
        with _mounted("overlay", folder / "root", options) as root:
            machine = Machine(root)
            try:
                yield machine
            finally:
                machine.shut_down()


@contextmanager
def _mounted(kind: str, target: Path, options: str = "mode=755") -> Iterator[Path]:
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", kind, "-o", options, kind, str(target)], check=True)
    try:
        yield target
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


def cache() -> Path:
    """Return the folder where machines are kept between runs."""
    named = os.environ.get("MASKWATCH_ROOTFS")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(named) if named else home / "maskwatch-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]


def debian() -> Path:
    """Return the cached Debian with what the tests need, made in some minutes where there is none yet."""
    _check_needs()
    done = cache() / f"{SUITE}-{_key(*PACKAGES)}"
    if not done.is_dir():
        part = cache() / f"{done.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(part)], stdout=subprocess.DEVNULL, check=True)
        borrow_network(part)
        inside = Machine(part)
        inside.run("apt-get", "-qq", "update")
        install = ("apt-get", "-qq", "install", "--yes", "--no-install-recommends")
        inside.run(*install, *PACKAGES, DEBIAN_FRONTEND="noninteractive", timeout_s=900)
        # as the package of the authorities has written its own over ours
        borrow_network(part)
        part.rename(done)
    return done


def _check_needs() -> None:
    need("debootstrap", "systemd-nspawn")
    if os.geteuid() != 0:
        lack("a machine to test in can only be made by root; fix: sudo make test-long")


def borrow_network(root: Path) -> None:
    """Let a chroot resolve names, and trust whom this machine trusts."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    authorities = Path(os.environ.get("SSL_CERT_FILE") or f"/{_AUTHORITIES}")
    (root / _AUTHORITIES).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(authorities, root / _AUTHORITIES)


def wheelhouse() -> Path:
    """Return a cached folder with every wheel that an installation wants, since a booted machine has no network."""
    lock = "systemd/requirements.lock"
    done = cache() / f"wheels-{SUITE}-{_key((ROOT / 'setup.py').read_text(), (ROOT / lock).read_text())}"
    if not done.is_dir():
        with tempfile.TemporaryDirectory() as folder, machine(Path(folder)) as inside:
            inside.copy_clone()
            wanted = ("/src", "picamera2", "setuptools", "wheel")
            pip = ("python3", "-m", "pip")
            inside.run(*pip, "wheel", "--quiet", "--wheel-dir=/wheels", *wanted, timeout_s=900)
            inside.run(*pip, "download", "--quiet", "--dest=/wheels", f"--requirement=/src/{lock}", timeout_s=900)
            for own in inside.path("/wheels").glob("maskwatch-*"):
                own.unlink()
            shutil.copytree(inside.path("/wheels"), done.with_suffix(".part"), dirs_exist_ok=True)
        done.with_suffix(".part").rename(done)
    return done


def comes_true(condition: Callable[[], object], within_s: float = 10.0) -> bool:
    """Return whether a condition that is slow to check came true in time by the clock."""
    end_at = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_at:
            return False
        time.sleep(0.05)
    return True


def seconds_until(condition: Callable[[], object], within_s: float) -> float:
    """Return how long it took until `condition()` was true."""
    started_at = time.monotonic()
    assert comes_true(condition, within_s), f"not within {within_s} s"
    return time.monotonic() - started_at
