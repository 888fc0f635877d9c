"""Files are written whole or not at all, with the permissions that were asked for."""

from __future__ import annotations

import os

import pytest

from edge.files import remove_drafts, replacing


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path) -> int:
    return path.stat().st_mode & 0o777


def interrupted(path, written: str, error: type[BaseException], *, keep_partial: bool) -> None:
    with replacing(path, keep_partial=keep_partial) as draft:
        draft.write_text(written)
        raise error


@pytest.mark.parametrize("durable", [False, True])
def test_the_old_content_stays_until_the_new_one_is_complete(tmp_path, durable):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path, durable=durable) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize(("written", "kept"), [("", "old"), ("half", "half")])
def test_after_an_error_the_old_file_stays_unless_a_partial_one_is_wanted(tmp_path, error, written, kept):
    for keep_partial, expected in ((False, "old"), (True, kept)):
        path = tmp_path / "file"
        path.write_text("old")
        with pytest.raises(error):
            interrupted(path, written, error, keep_partial=keep_partial)
        assert path.read_text() == expected
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mode", "permitted"), [(None, 0o644), (0o600, 0o600), (0o640, 0o640), (0o664, 0o664)])
def test_a_file_gets_its_mode_whatever_the_old_one_had(tmp_path, mode, permitted):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o777)
    with replacing(path, mode=mode) as draft:
        draft.write_text("new")
    assert mode_of(path) == permitted


@pytest.mark.parametrize("durable", [False, True])
def test_a_durable_file_is_synced_to_the_disk_before_it_replaces_the_old_one(tmp_path, monkeypatch, durable):
    path = tmp_path / "file"
    path.write_text("old")
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append((os.pread(file, 9, 0), path.read_text())))
    with replacing(path, durable=durable) as draft:
        draft.write_text("new")
    assert synced == ([(b"new", "old")] if durable else [])


def test_a_draft_of_a_secret_is_never_readable_by_others(tmp_path):
    with replacing(tmp_path / "secret", mode=0o640) as draft:
        assert mode_of(draft) == 0o600


def test_a_name_may_be_as_long_as_the_file_system_permits(tmp_path):
    path = tmp_path / ("😷" * 63)
    with replacing(path) as draft:
        draft.write_text("new")
    assert path.read_text() == "new"


def test_a_folder_that_is_absent_is_named_by_the_error(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "gone" / "file"):
        pass
    assert "gone" in str(caught.value.filename)


def test_drafts_of_a_killed_writer_are_removed_and_nothing_else(tmp_path):
    path = tmp_path / "rows[1].jsonl"
    kept = [tmp_path / ".rows1.jsonl.12345678.part", tmp_path / ".rows[1].jsonl.part", path]
    draft = tmp_path / ".rows[1].jsonl.12345678.part"
    for file in (*kept, draft):
        file.write_text("rows")
    remove_drafts(path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
