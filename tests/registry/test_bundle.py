"""A bundle can be written in one way only; whatever else comes is refused, and nothing is written elsewhere."""

from __future__ import annotations

import io
import tarfile

import pytest

from edge.errors import ModelError
from edge.registry import bundle
from edge.registry.content import check_content
from tests.support.bundles import Signer, small_bundle, small_models


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> bytes:
    """Return a signed bundle."""
    return small_bundle(tmp_path_factory.mktemp("models") / "models", signer=Signer())


def unpack(content: bytes, folder) -> None:
    folder.mkdir()
    bundle.unpack(io.BytesIO(content), folder)


def test_what_is_packed_is_what_is_unpacked(packed, tmp_path):
    unpack(packed, tmp_path / "a")
    again = io.BytesIO()
    bundle.write_bundle(tmp_path / "a", again)
    assert again.getvalue() == packed
    assert (tmp_path / "a/mask/model.tflite").read_text() == "weights "


def test_the_same_files_make_the_same_bytes(packed, tmp_path):
    assert small_bundle(tmp_path / "models", signer=Signer()) == packed


def test_tar_and_sha256sum_read_it(packed, tmp_path):
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames()[:2] == ["SHA256SUMS", "SHA256SUMS.minisig"]
        assert "mask/model.toml" in archive.getnames()


@pytest.mark.parametrize("count", [0, 1, 511, 512, 700, 5_000, -513, -512, -1])
def test_a_bundle_that_ends_too_early_is_refused(packed, tmp_path, count):
    with pytest.raises(ModelError):
        unpack(packed[:count], tmp_path / "a")


def test_bytes_after_the_end_are_refused(packed, tmp_path):
    with pytest.raises(ModelError, match=r"bytes after its end"):
        unpack(packed + b"\0", tmp_path / "a")


def archive(*members: tarfile.TarInfo, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            made.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        member("../escaped"),
        member("/tmp/escaped"),
        member("mask/../../escaped"),
        member("mask/.hidden"),
        member("other/model.tflite"),
        member("mask/link", tarfile.SYMTYPE, "/etc/passwd"),
        member("mask/link", tarfile.LNKTYPE, "SHA256SUMS"),
        member("mask/device", tarfile.CHRTYPE),
        member("mask/pipe", tarfile.FIFOTYPE),
        member("mask", tarfile.DIRTYPE),
        member("mask/long", tarfile.XHDTYPE),
        member("mask/gnu", tarfile.GNUTYPE_LONGNAME),
        member("mask/sparse", tarfile.GNUTYPE_SPARSE),
    ],
    ids=lambda info: f"{info.name}-{info.type.decode()}",
)
def test_links_devices_and_names_that_lead_elsewhere_are_refused_before_anything_is_written(tmp_path, hostile):
    folder = tmp_path / "deep/folder"
    folder.mkdir(parents=True)
    with pytest.raises(ModelError, match=r"nothing that a bundle may hold"):
        bundle.unpack(io.BytesIO(archive(hostile)), folder)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_a_name_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"in it twice"):
        unpack(archive(member("mask/a"), member("mask/a")), tmp_path / "a")
    with pytest.raises(ModelError, match=r"in it twice"):
        unpack(archive(member("mask/a"), member("mask/a/b")), tmp_path / "b")


def test_more_files_or_bytes_than_a_bundle_may_have_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r"more than 100 files"):
        unpack(archive(*(member(f"mask/{number}") for number in range(101))), tmp_path / "a")
    huge = member("mask/a")
    huge.size = 8**11 - 1
    with pytest.raises(ModelError, match=r"larger than 128 MB"):
        unpack(huge.tobuf(tarfile.USTAR_FORMAT), tmp_path / "b")


@pytest.mark.parametrize(
    "content", [b"", bytes(1024), b"PK\x03\x04" + b"x" * 2_000, b"<html>" * 500], ids=["empty", "zeros", "zip", "page"]
)
def test_what_is_no_bundle_is_refused(tmp_path, content):
    with pytest.raises(ModelError):
        unpack(content, tmp_path / "a")


def test_a_file_that_is_added_changed_or_removed_later_is_named(packed, tmp_path):
    for number, (change, name) in enumerate(
        [
            (lambda folder: (folder / "mask/more").write_text("x"), "mask/more is not in its list"),
            (lambda folder: (folder / "mask/CARD.md").write_text("x"), "mask/CARD.md is damaged"),
            (lambda folder: (folder / "mask/CARD.md").unlink(), "mask/CARD.md is missing"),
        ]
    ):
        folder = tmp_path / str(number)
        unpack(packed, folder)
        change(folder)
        with pytest.raises(ModelError, match=name):
            bundle.check_files(folder)


@pytest.mark.parametrize(
    "name", ["face/CARD.md", "face/LICENSE", "mask/golden.npz", "face/live/golden.json", "face/quality/model.tflite"]
)
def test_an_incomplete_folder_is_refused_by_the_name_of_what_is_missing(tmp_path, name):
    folder = small_models(tmp_path / "models")
    check_content(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name} is missing"):
        check_content(folder)


@pytest.mark.parametrize("name", ["verifier", "verifier-large"])
def test_a_verifier_outside_the_bundle_is_refused(tmp_path, name):
    spec = small_models(tmp_path / "models") / "face/live/model.toml"
    spec.write_text(spec.read_text().replace(f'"../{name}"', f'"../../../{name}"'))
    (tmp_path / name).mkdir()
    with pytest.raises(ModelError, match=r"leads out of the bundle"):
        check_content(tmp_path / "models")


def test_a_model_of_another_kind_is_refused(tmp_path):
    folder = small_models(tmp_path / "models")
    (folder / "mask/model.toml").write_text((folder / "face/quality/model.toml").read_text())
    with pytest.raises(ModelError, match=r"kind is face, expected mask"):
        check_content(folder)
