"""The store takes good bundles in order, refuses the others with a sentence, and switches its aliases in one step."""

from __future__ import annotations

import fcntl
import io
import os
import random
from datetime import date
from pathlib import Path

import pytest

from edge import paths
from edge.errors import ModelError, Unavailable
from edge.registry import Decision, OpenGate, aliases, bundle, log
from edge.registry.aliases import Aliases
from tests.support.bundles import Signer, accept, small_bundle, store_in

SIGNER = Signer()


class Closed:
    """A gate that refuses, and keeps what it was asked about."""

    def decide(self, champion, challenger):
        self.asked = champion, challenger
        return Decision(passes=False, reasons=("worse by 3 points", "crashed twice"))


@pytest.fixture
def put(tmp_path):
    """Return what installs small models in a store, and returns their hash."""

    def install(store, content="", *, check=accept, unsigned=False, name="new.maskwatch", **signature):
        signature.setdefault("signer", SIGNER)
        made = small_bundle(tmp_path / f"made-{len(list(tmp_path.iterdir()))}", content, **signature)
        return store.install(io.BytesIO(made), name, check, unsigned=unsigned).sha256

    return install


@pytest.fixture
def store(tmp_path):
    return store_in(tmp_path / "store", SIGNER)


def promote(store, name, **options):
    return store.promote(name, OpenGate(), paths.models(), accept, **options)


def test_a_bundle_becomes_the_challenger_then_the_champion_and_goes_back(store, put):
    first, second = put(store, "a"), put(store, "b", sequence=2)
    assert store.aliases() == Aliases(challenger=second)
    promote(store, first)
    assert store.aliases() == Aliases(champion=first, challenger=second, trial="{}")
    promote(store, "challenger")
    assert store.aliases() == Aliases(champion=second, previous=first, trial="{}")
    assert store.rollback() == first
    assert store.aliases() == Aliases(champion=first)
    assert store.rollback() == ""
    assert store.aliases() == Aliases()
    with pytest.raises(ModelError, match=r"built-in models are in force"):
        store.rollback()


def test_an_alias_is_a_link_to_the_version(store, put):
    sha256 = put(store)
    assert (store.folder / "aliases/challenger/mask/model.tflite").read_text() == "weights "
    assert (store.folder / "aliases/challenger").resolve() == store.folder / "versions" / sha256


def test_the_same_bundle_again_changes_nothing(store, put):
    first = put(store)
    promote(store, first)
    before = store.aliases()
    assert put(store) == first
    assert store.aliases() == before


def test_a_version_is_found_by_the_beginning_of_its_hash(store, put):
    sha256 = put(store)
    assert store.find(sha256[:6].upper()) == sha256
    for name in (sha256[:3], "ffff" if sha256[0] != "f" else "0000", ""):
        with pytest.raises(ModelError, match=r"no such version; fix: maskwatch models list"):
            store.find(name)
    with pytest.raises(ModelError, match=r"no version is the champion"):
        store.find("champion")


@pytest.mark.parametrize(
    ("signature", "sentence"),
    [
        ({"signer": None}, "new.maskwatch: it is not signed; fix: sign it, or add --unsigned"),
        ({"signer": Signer(2)}, "new.maskwatch: it is signed with key 0202020202020202"),
        ({"expires": "2026-11-30"}, "new.maskwatch: it expired on 2026-11-30; fix: "),
        ({"sequence": 3}, "number is 3, and number 5 was installed before: a downgrade"),
        ({"sequence": 5}, "number is 5, and number 5 was installed before: a downgrade"),
    ],
)
def test_what_may_not_be_installed_is_refused_with_its_reason_and_leaves_nothing(store, put, signature, sentence):
    put(store, "a", sequence=5)
    before = store.aliases(), store.installed()
    with pytest.raises(ModelError, match=sentence):
        put(store, "b", **signature)
    assert (store.aliases(), store.installed()) == before
    assert list((store.folder / "incoming").iterdir()) == []


def test_a_bit_that_is_flipped_anywhere_is_refused(store, tmp_path):
    packed, chance = small_bundle(tmp_path / "made", signer=SIGNER), random.Random(4)
    signature = packed.index(b"untrusted comment")
    bits = [chance.randrange(8 * len(packed)) for _ in range(40)]
    bits += [8 * signature + chance.randrange(8 * 512) for _ in range(20)]
    for bit in bits:
        changed = bytearray(packed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError, match=r"^new.maskwatch: "):
            store.install(io.BytesIO(changed), "new.maskwatch", accept)
    assert store.installed() == []


def test_a_bundle_may_be_installed_on_its_last_day(store, put):
    assert put(store, expires="2026-12-01")


def test_an_unsigned_bundle_needs_consent_and_is_refused_where_signatures_are_required(tmp_path, store, put):
    sha256 = put(store, signer=None, unsigned=True)
    assert store.version(sha256).key == ""
    careful = store_in(store.folder, SIGNER, required=True)
    with pytest.raises(ModelError, match=r"not signed, and models.signature is required"):
        careful.version(sha256)
    with pytest.raises(ModelError, match=r"not signed, and models.signature is required"):
        put(careful, "b", signer=None, unsigned=True)


def test_golden_outputs_that_differ_refuse_a_bundle_at_installation_and_at_promotion(store, put):
    def differ(_folder):
        raise ModelError("its golden outputs differ")

    with pytest.raises(ModelError, match=r"new.maskwatch: its golden outputs differ"):
        put(store, check=differ)
    assert store.installed() == []
    sha256 = put(store)
    with pytest.raises(ModelError, match=rf"version {sha256[:12]}: its golden outputs differ"):
        store.promote(sha256, OpenGate(), paths.models(), differ, force="in spite of it")
    assert store.aliases().champion == ""


def test_the_gate_is_asked_with_both_folders_and_its_reasons_are_passed_on(store, put):
    first, second, gate = put(store, "a"), put(store, "b", sequence=2), Closed()
    with pytest.raises(ModelError, match=r"gate refuses it: worse by 3 points; crashed twice"):
        store.promote(first, gate, paths.models(), accept)
    assert gate.asked == (paths.models(), store.path_of(first))
    promote(store, first)
    with pytest.raises(ModelError, match=r"gate refuses it"):
        store.promote(second, gate, paths.models(), accept)
    assert gate.asked == (store.path_of(first), store.path_of(second))


def test_force_passes_the_gate_and_is_recorded_with_its_reason(store, put):
    sha256 = put(store)
    store.promote(sha256, Closed(), paths.models(), accept, force="measured by hand")
    entry = log.read(store.folder)[-1]
    assert (entry["what"], entry["version"], entry["force"]) == ("promote", sha256, "measured by hand")
    assert entry["who"]
    assert entry["t"].endswith("Z")


def test_a_rehearsed_promotion_is_refused_or_accepted_as_the_real_one_and_changes_nothing(store, put):
    first, second, third = put(store, "a"), put(store, "b", sequence=2), put(store, "c", sequence=3)
    promote(store, second)
    before = {path: path.lstat().st_mtime_ns for path in store.folder.rglob("*")}
    for name, gate, sentence in (
        (first, OpenGate(), "a downgrade"),
        (second, OpenGate(), "is the champion already"),
        (third, Closed(), "gate refuses it: worse by 3 points; crashed twice"),
    ):
        with pytest.raises(ModelError, match=sentence) as rehearsed:
            store.may_promote(name, gate, paths.models(), accept)
        with pytest.raises(ModelError) as real:
            store.promote(name, gate, paths.models(), accept)
        assert str(rehearsed.value) == str(real.value)
    assert store.may_promote("challenger", OpenGate(), paths.models(), accept) == third
    assert store.may_promote(first, Closed(), paths.models(), accept, force="in spite of it") == first
    assert {path: path.lstat().st_mtime_ns for path in store.folder.rglob("*")} == before


def test_an_unsigned_version_does_not_take_the_place_of_a_signed_champion_unless_it_is_forced(store, put):
    """It has no number, so nobody knows whether it is newer: a forgotten experiment replaced a signed release."""
    mine = put(store, "mine", signer=None, unsigned=True)
    promote(store, mine)
    signed = put(store, "a", sequence=4)
    promote(store, signed)
    with pytest.raises(ModelError, match=r"it is not signed, and the champion is, as number 4.*add --force REASON"):
        promote(store, mine)
    promote(store, mine, force="an experiment")
    assert store.aliases().champion == mine
    other = put(store, "other", signer=None, unsigned=True)
    promote(store, other)
    assert store.aliases().champion == other


def test_an_older_version_is_promoted_by_force_alone(store, put):
    first, second = put(store, "a"), put(store, "b", sequence=2)
    promote(store, second)
    with pytest.raises(ModelError, match=r"number is 1, and the champion's is 2: a downgrade"):
        promote(store, first)
    promote(store, first, force="the newer one is slow")
    assert store.aliases().champion == first


def test_a_version_that_has_expired_since_is_not_promoted_and_one_in_force_stays(store, put):
    first, second = put(store, "a"), put(store, "b", sequence=2, expires="2027-01-01")
    promote(store, first)
    later = store_in(store.folder, SIGNER, today=date(2028, 1, 1))
    with pytest.raises(ModelError, match=r"expired on 2027-01-01"):
        promote(later, second)
    assert later.version(later.aliases().champion).sha256 == first


def test_prune_removes_what_no_alias_names_and_keeps_the_highest_number(store, put):
    first, second = put(store, "a", sequence=8), put(store, "b", sequence=9)
    promote(store, first)
    store.rollback()
    assert store.prune() == [first]
    assert store.installed() == [second]
    promote(store, second)
    store.rollback()
    assert store.prune() == [second]
    with pytest.raises(ModelError, match=r"number 9 was installed before"):
        put(store, "c", sequence=9)


def test_a_damaged_version_is_named(store, put):
    sha256 = put(store)
    (store.path_of(sha256) / "mask/model.tflite").write_text("weight! ")
    with pytest.raises(ModelError, match=rf"version {sha256[:12]}: mask/model.tflite is damaged"):
        promote(store, sha256)


def test_a_version_whose_list_of_files_was_written_anew_is_refused_too(store, put):
    """Its files then match its list, and it has no signature: the name alone states which list it was."""
    sha256 = put(store, signer=None, unsigned=True)
    folder = store.path_of(sha256)
    (folder / "mask/model.tflite").write_text("weight! ")
    (folder / bundle.SUMS).unlink()
    bundle.write_sums(folder)
    with pytest.raises(ModelError, match=rf"version {sha256[:12]}: its list of files was changed"):
        promote(store, sha256)


def test_a_promotion_is_not_made_on_a_store_that_another_command_has_changed_meanwhile(store, put):
    first, second = put(store, "a"), put(store, "b", sequence=2)

    class Slow(OpenGate):
        def decide(self, champion, challenger):
            promote(store, first)
            return super().decide(champion, challenger)

    with pytest.raises(Unavailable, match=r"another command has changed it meanwhile; fix: try again"):
        store.promote(second, Slow(), paths.models(), accept)
    assert store.aliases().champion == first


def test_damaged_aliases_are_named(store, put):
    put(store)
    (store.folder / "aliases").unlink()
    (store.folder / "aliases").symlink_to("generations/77")
    with pytest.raises(ModelError, match=r"aliases: is damaged; fix: remove it"):
        store.aliases()


def test_what_a_killed_command_has_left_is_removed_by_the_next(store, put):
    first = put(store, "a")
    (store.folder / "incoming/left/mask").mkdir(parents=True)
    (store.folder / "generations/99").mkdir()
    (store.folder / ".aliases.new").symlink_to("generations/99")
    promote(store, first)
    assert list((store.folder / "incoming").iterdir()) == []
    assert sorted(path.name for path in (store.folder / "generations").iterdir()) == ["1", "2"]
    assert not (store.folder / ".aliases.new").is_symlink()


class Disk:
    """What was brought to the disk, and what was renamed, in this order: no kill shows that an fsync is missing."""

    def __init__(self, monkeypatch) -> None:
        self.events: list[tuple[str, Path, Path]] = []
        self._sync, self._rename, self._replace = os.fsync, os.rename, os.replace
        monkeypatch.setattr(os, "fsync", self._note_sync)
        monkeypatch.setattr(os, "rename", self._note_rename)
        monkeypatch.setattr(os, "replace", self._note_replace)

    def renamed(self, target: Path) -> tuple[Path, set[Path], set[Path]]:
        """Return what became `target`, and all that was synced before and after that."""
        (at,) = [at for at, (what, _, to) in enumerate(self.events) if (what, to) == ("rename", target)]
        before, after = ({path for what, path, _ in part if what == "sync"} for part in halves(self.events, at))
        return self.events[at][1], before, after

    def _note_sync(self, descriptor) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        path = Path(f"/proc/self/fd/{number}").readlink()
        self._sync(descriptor)
        self.events.append(("sync", path, path))

    def _note_rename(self, old, new, **more) -> None:
        self.events.append(("rename", Path(old), Path(new)))
        self._rename(old, new, **more)

    def _note_replace(self, old, new, **more) -> None:
        self.events.append(("rename", Path(old), Path(new)))
        self._replace(old, new, **more)


def halves(events: list, at: int) -> tuple[list, list]:
    return events[:at], events[at + 1 :]


def test_a_version_is_on_the_disk_before_it_is_among_the_versions_and_then_so_is_its_name(store, put, monkeypatch):
    disk = Disk(monkeypatch)
    folder = store.path_of(put(store))
    incoming, before, after = disk.renamed(folder)
    whole = {incoming / path.relative_to(folder) for path in folder.rglob("*")} | {incoming}
    assert whole - before == set()
    assert store.folder / "versions" in after
    assert [to for what, _, to in disk.events if what == "rename"].index(folder) == 0, "only then an alias may name it"


@pytest.mark.parametrize("command", ["install", "promote", "rollback"])
def test_aliases_are_on_the_disk_before_they_are_in_force_and_then_so_is_the_switch(store, put, monkeypatch, command):
    first = put(store)
    if command == "rollback":
        promote(store, first)
    disk = Disk(monkeypatch)
    {
        "install": lambda: put(store, "b", sequence=2),
        "promote": lambda: promote(store, first),
        "rollback": store.rollback,
    }[command]()
    _, before, after = disk.renamed(store.folder / "aliases")
    generation = (store.folder / "aliases").resolve()
    assert {generation, generation.parent} - before == set()
    assert store.folder in after
    if command == "promote":
        trial, synced, _ = disk.renamed(generation / "trial.json")
        assert trial in synced


def test_two_commands_do_not_change_the_store_at_once(store, put, monkeypatch):
    put(store)
    store.patience_s = 0.0
    with (store.folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match=r"another command is changing it"):
            store.prune()


def test_the_record_of_a_trial_is_kept_with_the_champion_it_belongs_to(store, put):
    first, second = put(store, "a"), put(store, "b", sequence=2)
    promote(store, first)
    store.record_trial(first, '{"running": true}')
    assert store.aliases().trial == '{"running": true}'
    promote(store, second)
    store.record_trial(first, "")
    assert store.aliases().trial == "{}", "the trial of another champion"
    store.record_trial(second, "")
    assert store.aliases() == Aliases(champion=second, previous=first)
    assert log.read(store.folder)[-1]["what"] == "passed"


def test_a_rollback_by_the_service_leaves_its_problem_until_the_next_promotion(store, put):
    first, second = put(store, "a"), put(store, "b", sequence=2)
    promote(store, first)
    store.rollback("rolled back: it crashed")
    assert store.aliases() == Aliases(challenger=second, problem="rolled back: it crashed")
    promote(store, second)
    assert store.aliases().problem == ""


def test_a_store_that_does_not_exist_is_empty_and_is_not_made_by_reading(tmp_path):
    store = store_in(tmp_path / "none", SIGNER)
    assert (store.aliases(), store.installed(), log.read(store.folder)) == (Aliases(), [], [])
    assert not store.folder.exists()


def test_a_log_with_a_damaged_line_keeps_the_others(store, put):
    put(store, "a")
    with (store.folder / "log.jsonl").open("a") as file:
        file.write("{half")
    put(store, "b", sequence=2)
    assert [entry["what"] for entry in log.read(store.folder)] == ["install", "install"]


def test_names_of_aliases_are_those_of_a_version():
    assert Aliases(champion="a", previous="b", challenger="a").names_of("a") == ["champion", "challenger"]
    assert aliases.NAMES == ("champion", "challenger", "previous")
