"""The store of installed models: versions in their folders, aliases, and a log of what was changed by whom."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge.errors import ModelError, Unavailable
from edge.files import replacing
from edge.registry import Version, aliases, bundle, log
from edge.registry.aliases import Aliases, sync
from edge.registry.content import check_content
from edge.registry.identity import as_owner_of
from edge.registry.signature import Signed, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from edge.registry import Gate
    from edge.registry.signature import PublicKey

_VERSIONS, _INCOMING, _LOCK, _HIGHEST = "versions", "incoming", "lock", "sequence"
_SHORTEST_NAME = 4
_SHOWN = 12
_NEW_TRIAL = "{}"
_PATIENCE_S, _PAUSE_S = 10.0, 0.1
"""How long a command waits for another one, and how often it tries."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose bundles are accepted, and until when.

    required: refuse what is not signed.  today: compared with a bundle's last day.
    """

    keys: tuple[PublicKey, ...]
    required: bool
    today: date


class Store:
    """A folder of versions and aliases; every method reads the disk, since several processes use it at once."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        """Use the store in `folder`, which may not exist yet."""
        self.folder, self.policy = folder, policy
        self.patience_s = _PATIENCE_S

    def aliases(self) -> Aliases:
        """Return which version each alias names.

        Raises:
            ModelError: they are damaged.
            OSError: they cannot be read.
        """
        return aliases.read(self.folder)

    def path_of(self, sha256: str) -> Path:
        """Return the folder of a version."""
        return self.folder / _VERSIONS / sha256

    def installed(self) -> list[str]:
        """Return the hashes of all versions."""
        folder = self.folder / _VERSIONS
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def version(self, sha256: str) -> Version:
        """Return an installed version, verified: its files, and its signature where there is one.

        Raises:
            ModelError: a file was changed, or it is not signed as the policy requires.
            OSError: it cannot be read.
        """
        with _named(f"version {sha256[:_SHOWN]}"):
            found = self._verified(self.path_of(sha256))
            if found.sha256 != sha256:
                raise ModelError("its list of files was changed")
        return found

    def find(self, name: str) -> str:
        """Return the hash of the version that an alias, a hash or the beginning of a hash names.

        Raises:
            ModelError: none is, or several are.
        """
        if name in aliases.NAMES:
            if sha256 := getattr(self.aliases(), name):
                return str(sha256)
            raise ModelError(f"no version is the {name}; fix: maskwatch models list")
        found = [sha256 for sha256 in self.installed() if sha256.startswith(name.lower())]
        if len(found) == 1 and len(name) >= _SHORTEST_NAME:
            return found[0]
        reason = "several versions begin with it" if len(found) > 1 else "no such version"
        raise ModelError(f"{name}: {reason}; fix: maskwatch models list")

    def install(self, stream: BinaryIO, name: str, check: Callable[[Path], None], *, unsigned: bool = False) -> Version:
        """Install a bundle as a version, which becomes the challenger; the one that is installed already stays.

        name: of the bundle, for the sentences.  check: raises ModelError where its golden outputs differ.
        unsigned: accept one without a signature, unless the policy requires it.

        Raises:
            ModelError: it is no bundle, damaged, incomplete, not signed as required, expired or older than another.
            OSError: the store cannot be written.
        """
        with self.locked(), _named(name), self._incoming() as folder:
            found = self._unpacked(stream, folder, unsigned=unsigned)
            if found.sha256 not in self.installed():
                check(folder)
                self._keep(folder, found)
            now = self.aliases()
            log.write(self.folder, "install", found.sha256, bundle=name, key=found.key or "unsigned")
            if found.sha256 not in (now.champion, now.challenger):
                aliases.switch(self.folder, replace(now, challenger=found.sha256))
        return replace(found, folder=self.path_of(found.sha256))

    def verify(self, stream: BinaryIO, name: str, check: Callable[[Path], None], *, unsigned: bool = False) -> Version:
        """Return what `install` would install, as it would be refused or accepted; the store stays as it is.

        Raises:
            ModelError: as `install`.
        """
        with tempfile.TemporaryDirectory() as folder, _named(name):
            found = self._unpacked(stream, Path(folder), unsigned=unsigned)
            check(found.folder)
        return found

    def promote(self, name: str, gate: Gate, built_in: Path, check: Callable[[Path], None], *, force: str = "") -> str:
        """Make a version the champion, on trial; the champion before it becomes the previous one.

        built_in: the models in place of a champion, where there is none.  force: why the gate need not pass.

        Raises:
            ModelError: there is no such version, it is damaged, expired or older, or the gate refuses it.
            Unavailable: the store was changed meanwhile.
            OSError: the store cannot be written.
        """
        now = self.aliases()
        sha256 = self.may_promote(name, gate, built_in, check, force=force)
        challenger = "" if now.challenger == sha256 else now.challenger
        with self.locked():  # only now: a gate may take minutes, and the service may need the store meanwhile
            if self.aliases() != now or sha256 not in self.installed():
                raise Unavailable(f"{self.folder}: another command has changed it meanwhile; fix: try again")
            log.write(self.folder, "promote", sha256, **({"force": force} if force else {}))
            switched = Aliases(champion=sha256, previous=now.champion, challenger=challenger, trial=_NEW_TRIAL)
            aliases.switch(self.folder, switched)
        return sha256

    def may_promote(
        self, name: str, gate: Gate, built_in: Path, check: Callable[[Path], None], *, force: str = ""
    ) -> str:
        """Return the hash of the version that `promote` would make the champion; the store stays as it is.

        Raises:
            ModelError: as `promote`.
        """
        sha256, champion = self.find(name), self.aliases().champion
        if sha256 == champion:
            raise ModelError(f"version {sha256[:_SHOWN]}: is the champion already")
        found = self.version(sha256)
        with _named(f"version {sha256[:_SHOWN]}"):
            self._refuse_expired(found)
            if not force:
                self._refuse_older(found, champion)
            check(found.folder)
            self._ask(gate, self.path_of(champion) if champion else built_in, found, force)
        return sha256

    def rollback(self, problem: str = "") -> str:
        """Put the champion before this one in force, empty for the built-in models; return its hash.

        problem: why the service does this itself; it is reported until another version is promoted.

        Raises:
            ModelError: the built-in models are in force already.
            OSError: the store cannot be written.
        """
        with self.locked():
            now = self.aliases()
            if not now.champion:
                raise ModelError("the built-in models are in force, and nothing was before them")
            log.write(self.folder, "rollback", now.champion, **({"reason": problem} if problem else {}))
            aliases.switch(self.folder, replace(now, champion=now.previous, previous="", trial="", problem=problem))
        return now.previous

    def record_trial(self, champion: str, text: str) -> None:
        """Write the record of the trial of `champion`, if it is the champion still; an empty text ends it.

        Raises:
            OSError: it cannot be written.
        """
        with self.locked():
            if self.aliases().champion == champion:
                aliases.record_trial(self.folder, text)
                if not text:
                    log.write(self.folder, "passed", champion)

    def prune(self) -> list[str]:
        """Remove the versions that no alias names; return their hashes.

        Raises:
            OSError: the store cannot be written.
        """
        with self.locked():
            now = self.aliases()
            unused = [sha256 for sha256 in self.installed() if not now.names_of(sha256)]
            self._keep_highest()
            for sha256 in unused:
                gone = self.folder / _INCOMING / sha256
                self.path_of(sha256).rename(gone)  # so that a version is there whole, or not at all
                shutil.rmtree(gone)
                log.write(self.folder, "prune", sha256)
        return unused

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the store, and remove what a killed one has left.

        Root becomes the owner of the store for it, so that the service may change what root writes there.

        Raises:
            Unavailable: another command is changing it.
        """
        with as_owner_of(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / _LOCK).open("ab") as lock:
                self._wait_for(lock)
                self._heal()
                yield

    def _wait_for(self, lock: BinaryIO) -> None:
        end_at = time.monotonic() + self.patience_s
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end_at:
                    raise Unavailable(f"{self.folder}: another command is changing it; fix: try again") from None
            time.sleep(_PAUSE_S)

    def _heal(self) -> None:
        for name in (_VERSIONS, _INCOMING):
            (self.folder / name).mkdir(exist_ok=True)
        for left in (self.folder / _INCOMING).iterdir():
            shutil.rmtree(left)
        aliases.remove_drafts(self.folder)

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp(dir=self.folder / _INCOMING))
        path.chmod(0o755)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _keep(self, folder: Path, found: Version) -> None:
        """Move an unpacked bundle among the versions, once all of it is on the disk."""
        for path in folder.rglob("*"):
            _sync_any(path)
        sync(folder)
        folder.rename(self.path_of(found.sha256))
        sync(self.folder / _VERSIONS)

    def _unpacked(self, stream: BinaryIO, folder: Path, *, unsigned: bool) -> Version:
        bundle.unpack(stream, folder)
        found = self._verified(folder, unsigned=unsigned)
        self._refuse_stale(found)
        check_content(folder)
        return found

    def _verified(self, folder: Path, *, unsigned: bool = True) -> Version:
        sums = bundle.check_files(folder)
        version = Version(folder, hashlib.sha256(sums).hexdigest())
        signature = bundle.signature_of(folder)
        if signature:
            stated: Signed = verify(sums, signature, self.policy.keys)
            return replace(version, key=stated.key, sequence=stated.sequence, expires=stated.expires)
        if self.policy.required:
            raise ModelError(
                "it is not signed, and models.signature is required; fix: sign it with a key of models.trusted_keys"
            )
        if not unsigned:
            raise ModelError("it is not signed; fix: sign it, or add --unsigned if you made it yourself")
        return version

    def _refuse_stale(self, found: Version) -> None:
        """Refuse a bundle that has expired, or that a newer one has replaced."""
        self._refuse_expired(found)
        highest, newest = self._highest()
        if found.key and found.sha256 not in (newest, *self.installed()) and found.sequence <= highest:
            raise ModelError(
                f"its sequence number is {found.sequence}, and number {highest} was installed before: a downgrade; "
                "fix: install a newer bundle, or: maskwatch models rollback"
            )

    def _refuse_older(self, found: Version, champion: str) -> None:
        """Refuse a version that the champion has replaced, and one without a number in place of one that has it."""
        newest = self._sequence_of(champion)
        if not found.key and newest:
            raise ModelError(
                f"it is not signed, and the champion is, as number {newest}: whether it is newer is not known; fix: "
                "sign it, or add --force REASON"
            )
        if found.key and found.sequence < newest:
            raise ModelError(
                f"its sequence number is {found.sequence}, and the champion's is {newest}: a downgrade; fix: maskwatch "
                "models rollback, or add --force REASON"
            )

    def _refuse_expired(self, found: Version) -> None:
        if found.expires and self.policy.today > found.expires:
            raise ModelError(f"it expired on {found.expires}; fix: install a newer bundle, or sign it again")

    def _ask(self, gate: Gate, champion: Path, found: Version, force: str) -> None:
        if force:
            return
        decision = gate.decide(champion, found.folder)
        if not decision.passes:
            raise ModelError(f"the gate refuses it: {'; '.join(decision.reasons)}")

    def _highest(self) -> tuple[int, str]:
        """Return the highest sequence number that was ever installed, and the version that has it."""
        try:
            number, _, sha256 = (self.folder / _HIGHEST).read_text("ascii").partition(" ")
            kept = int(number), sha256
        except (OSError, ValueError):
            kept = 0, ""
        return max([kept, *((self._sequence_of(sha256), sha256) for sha256 in self.installed())])

    def _sequence_of(self, sha256: str) -> int:
        """Return the sequence number of a version; 0 where it has none."""
        try:
            return self._verified(self.path_of(sha256)).sequence
        except (ModelError, OSError):
            return 0

    def _keep_highest(self) -> None:
        number, sha256 = self._highest()
        with replacing(self.folder / _HIGHEST, durable=True) as draft:
            draft.write_text(f"{number} {sha256}", "ascii")


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put a name in front of the sentence of a `ModelError`."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error


def _sync_any(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
