"""The token that opens the page: the right one is printed, and the process of the page can read it."""

from __future__ import annotations

import os

import pytest

from edge import paths
from edge.show.page.token import hold, in_use, path_to_print, token_of
from tests.support.fakes import eventually
from tests.support.pages import PlayedService, Site


@pytest.fixture
def service(tmp_path, monkeypatch):
    """Return the state folder of a service that is installed."""
    folder = tmp_path / "service"
    folder.mkdir()
    monkeypatch.setattr(paths, "SERVICE_STATE", folder)
    return folder


@pytest.fixture
def own(tmp_path):
    """Return the file of this user's token, made by an earlier page."""
    path = tmp_path / "own" / "web-token"
    token_of(path)
    return path


def test_where_a_service_is_installed_its_token_is_printed_even_if_this_user_has_one(service, own):
    assert path_to_print(own, is_set=False) == service / "web-token"


def test_without_a_service_or_where_a_setting_names_it_the_user_s_own_token_is_printed(service, own, monkeypatch):
    assert path_to_print(own, is_set=True) == own
    monkeypatch.setattr(paths, "SERVICE_STATE", service / "none")
    assert path_to_print(own, is_set=False) == own


def test_while_a_page_of_this_user_runs_its_token_is_printed(service, own, tmp_path):
    watch = PlayedService(tmp_path)
    site = Site(watch.scene, tmp_path / "state")
    path = tmp_path / "state/maskwatch/web-token"
    try:
        assert in_use(path)
        assert path_to_print(path, is_set=False) == path
    finally:
        site.end()
        watch.close()
    assert eventually(lambda: not in_use(path))
    assert path_to_print(path, is_set=False) == service / "web-token"


def test_two_pages_may_share_a_token_and_a_missing_token_is_not_in_use(own, tmp_path):
    assert not in_use(own)
    hold(own)
    hold(own)
    assert in_use(own)
    assert not in_use(tmp_path / "none")


def test_files_that_root_makes_belong_to_the_owner_of_the_folder(tmp_path, monkeypatch):
    """`sudo maskwatch web --token` before the first start of the service."""
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *owner, **_: given.append((os.path.basename(path), owner)))  # noqa: PTH119
    token_of(tmp_path / "new" / "web-token")
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    (folder, folder_owner), (draft, draft_owner) = given
    assert (folder, folder_owner, draft_owner) == ("new", owner, owner)
    assert draft.startswith(".web-token.")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file for somebody else")
def test_a_service_can_read_the_token_that_root_has_made(tmp_path):
    os.chown(tmp_path, 1, 1)
    path = tmp_path / "state" / "web-token"
    token_of(path)
    for made, mode in ((path, 0o600), (path.parent, 0o700)):
        assert (made.stat().st_uid, made.stat().st_gid, made.stat().st_mode & 0o777) == (1, 1, mode)
