"""The commands `maskwatch models …` as a user types them, on a store of small models."""

from __future__ import annotations

import json
import subprocess
from datetime import date

import pytest
from typer.testing import CliRunner

from edge import cli
from edge.app import golden
from edge.clock import Clock
from edge.commands import bundles
from edge.registry import Decision, OpenGate
from tests.support.bundles import small_models
from tests.support.needs import need


class Shell:
    """Runs commands on one store, as in a terminal."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.key, self.public = str(folder / "key"), str(folder / "key.pub")
        command = ["minisign", "-G", "-W", "-f", "-s", self.key, "-p", self.public]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def __call__(self, name: str, *arguments: str, env: str = "development") -> tuple[int, str]:
        """Return the exit code, and what was printed or the sentence of the error."""
        settings = [f"models.store={self.folder / 'store'}", f'models.trusted_keys=["{self.public}"]']
        options = [word for setting in settings for word in ("--set", setting)]
        done = CliRunner().invoke(cli.app, ["models", name, *arguments, *options, "--env", env], env={"COLUMNS": "200"})
        if done.exception is None or isinstance(done.exception, SystemExit):
            return done.exit_code, done.output
        return getattr(done.exception, "exit_code", 1), str(done.exception)

    def pack(self, name: str, sequence: int) -> str:
        """Make a signed bundle of small models."""
        models, bundle = small_models(self.folder / name, name), str(self.folder / f"{name}.maskwatch")
        signed = ("--key", self.key, "--sequence", str(sequence), "--expires", "2099-12-31")
        code, output = self("pack", str(models), bundle, *signed)
        assert code == 0, output
        return bundle


@pytest.fixture
def shell(tmp_path, monkeypatch):
    need("minisign")
    monkeypatch.setattr(golden, "check", lambda _folder: None)
    return Shell(tmp_path)


def test_a_bundle_is_packed_signed_installed_promoted_and_taken_back(shell):
    first, second = shell.pack("first", 1), shell.pack("second", 2)
    assert shell("install", first, env="production")[0] == 0
    code, output = shell("promote", "--force", "tried before", env="production")
    assert (code, "is the champion; in use from the next start on: sudo systemctl restart" in output) == (0, True)
    assert shell("install", second, env="production")[0] == 0
    assert "whole, signed with key" in shell("verify", "challenger")[1]
    assert "whole, signed with key" in shell("verify", first)[1]
    listed = shell("list")[1]
    assert [
        word for word in ("champion (on trial)", "challenger", "number 1, expires 2099") if word not in listed
    ] == []
    assert "nothing was changed" in shell("rollback", "0" * 12)[1]
    assert "the built-in models are in force" in shell("rollback")[1]
    assert "removed version" in shell("prune")[1]
    listed = json.loads(shell("list", "--json", "-")[1])
    assert [row["alias"] for row in listed["versions"]] == ["challenger", "champion"]
    assert [entry["what"] for entry in listed["log"]] == ["install", "promote", "install", "rollback", "prune"]


def test_a_signature_that_was_made_elsewhere_is_taken(shell):
    plain, models = str(shell.folder / "plain.maskwatch"), small_models(shell.folder / "models")
    assert shell("pack", str(models), plain)[0] == 0
    subprocess.run(["tar", "-xf", plain, "-C", str(shell.folder), "SHA256SUMS"], check=True)
    comment = ["-t", "sequence:4 expires:2099-12-31"]
    command = ["minisign", "-S", "-s", shell.key, "-m", str(shell.folder / "SHA256SUMS"), *comment]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    signature = ("--signature", str(shell.folder / "SHA256SUMS.minisig"))
    assert shell("pack", str(models), str(shell.folder / "signed.maskwatch"), *signature)[0] == 0
    assert shell("install", str(shell.folder / "signed.maskwatch"))[0] == 0


def test_an_unsigned_bundle_needs_consent_and_production_refuses_it_all_the_same(shell):
    bundle = str(shell.folder / "mine.maskwatch")
    shell("pack", str(small_models(shell.folder / "mine")), bundle)
    sentence = f"{bundle}: it is not signed; fix: sign it, or add --unsigned if you made it yourself"
    assert shell("install", bundle) == (65, sentence)
    code, output = shell("install", bundle, "--unsigned", env="production")
    assert (code, "not signed, and models.signature is required" in output) == (65, True)
    code, output = shell("install", bundle, "--unsigned", "--set", "models.signature=optional", env="production")
    assert (code, output.startswith("models.signature: optional: lets models in")) == (78, True)
    assert shell("install", bundle, "--unsigned")[0] == 0


def refused(shell, name: str, *arguments: str) -> str:
    """Return the sentence with which production refuses a command."""
    code, output = shell(name, *arguments, env="production")
    assert code == 65, output
    return output


def test_production_refuses_what_is_unsigned_or_has_expired_at_every_command_that_lets_it_in(shell, monkeypatch):
    """Also what was installed earlier: unsigned in development, or signed and not expired on that day."""
    monkeypatch.setattr(bundles, "_gate", lambda *_: OpenGate())
    mine = str(shell.folder / "mine.maskwatch")
    shell("pack", str(small_models(shell.folder / "mine")), mine)
    shell("install", mine, "--unsigned")
    for command in (("install", mine, "--unsigned"), ("verify", mine, "--unsigned"), ("verify", "challenger")):
        assert "it is not signed, and models.signature is required" in refused(shell, *command)
    for more in ((), ("--dry-run",), ("--force", "all the same")):
        assert "it is not signed, and models.signature is required" in refused(shell, "promote", *more)
    signed = shell.pack("signed", 1)
    assert shell("install", signed, env="production")[0] == 0
    monkeypatch.setattr(Clock, "day", lambda _self: date(2100, 1, 1))
    other = shell.pack("other", 2)
    for command in (("install", other), ("verify", other)):
        assert "it expired on 2099-12-31" in refused(shell, *command)
    for more in ((), ("--dry-run",), ("--force", "all the same")):
        assert "it expired on 2099-12-31" in refused(shell, "promote", *more)


class Closed:
    """A gate that refuses."""

    def decide(self, _champion, _challenger) -> Decision:
        return Decision(passes=False, reasons=("too few labelled images",))


def test_a_dry_run_answers_as_the_promotion_would_and_changes_nothing(shell, monkeypatch):
    monkeypatch.setattr(bundles, "_gate", lambda *_: Closed())
    shell("install", shell.pack("first", 1))
    before = shell("list", "--json", "-")
    code, output = shell("promote", "--dry-run")
    assert (code, output.endswith("the gate refuses it: too few labelled images")) == (65, True)
    assert shell("promote") == (code, output)
    code, output = shell("promote", "--dry-run", "--force", "measured by hand")
    assert (code, output.rstrip().endswith("would be promoted; nothing was changed")) == (0, True)
    assert shell("list", "--json", "-") == before


def test_a_promotion_by_force_is_listed_with_its_reason(shell):
    shell("install", shell.pack("first", 1))
    assert shell("promote", "--force", "measured by hand")[0] == 0
    assert "by force: measured by hand" in shell("list")[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pack", "models", "new.tar"), "the name of a bundle ends in .maskwatch"),
        (("pack", "models", "new.maskwatch", "--key", "k"), "--expires YYYY-MM-DD"),
        (("pack", "models", "new.maskwatch", "--key", "k", "--signature", "s"), "exclude each other"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(shell, arguments, sentence):
    code, output = shell(*arguments)
    assert (code, sentence in output) == (2, True), output
