"""Signatures are minisign's, in both of its formats, and nothing that is changed or foreign is accepted."""

from __future__ import annotations

import subprocess
from datetime import date

import pytest

from edge.errors import ConfigError, ModelError
from edge.registry.signature import Signed, normal_form, read_keys, verify
from tests.support.bundles import Signer
from tests.support.needs import need

CONTENT = b"a list of files\n"
COMMENT = "sequence:7 expires:2027-06-30"
SIGNER = Signer()
KEYS = read_keys([SIGNER.public])


@pytest.mark.parametrize("legacy", [False, True])
def test_a_good_signature_states_key_sequence_and_last_day(legacy):
    signature = SIGNER.sign(CONTENT, f"timestamp:1 file:x {COMMENT} hashed", legacy=legacy)
    assert verify(CONTENT, signature, KEYS) == Signed(SIGNER.name, 7, date(2027, 6, 30))


@pytest.mark.parametrize("legacy", [False, True])
def test_no_bit_of_a_signature_can_be_changed(legacy):
    signature = SIGNER.sign(CONTENT, COMMENT, legacy=legacy).encode()
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError):
            verify(CONTENT, changed.decode("utf-8", "replace"), KEYS)


def test_no_bit_of_the_content_can_be_changed():
    signature = SIGNER.sign(CONTENT, COMMENT)
    with pytest.raises(ModelError, match=r"does not match its content: it is damaged or was changed"):
        verify(CONTENT[:-1] + b"\r", signature, KEYS)


def test_a_trusted_comment_of_another_signature_is_refused():
    lines, other = SIGNER.sign(CONTENT, COMMENT).split("\n"), SIGNER.sign(b"other", "sequence:9 expires:2099-01-01")
    with pytest.raises(ModelError, match=r"does not match"):
        verify(CONTENT, "\n".join(lines[:2] + other.split("\n")[2:]), KEYS)


def test_another_key_is_named():
    with pytest.raises(ModelError, match=r"signed with key 0202020202020202, which models.trusted_keys does not list"):
        verify(CONTENT, Signer(2).sign(CONTENT, COMMENT), KEYS)


def test_the_id_of_a_trusted_key_is_not_enough():
    impostor = Signer(2)
    impostor._id = bytes([1]) * 8
    with pytest.raises(ModelError, match=r"does not match"):
        verify(CONTENT, impostor.sign(CONTENT, COMMENT), KEYS)


@pytest.mark.parametrize(
    "comment",
    [
        *("", "sequence:7", "expires:2027-06-30", "sequence:x expires:2027-06-30", "sequence:0 expires:2027-06-30"),
        *("sequence:7 expires:June", "sequence:-1 expires:2027-06-30", f"sequence:{2**63} expires:2027-06-30"),
    ],
)
def test_a_comment_without_sequence_or_last_day_is_refused_with_the_form_to_write(comment):
    with pytest.raises(ModelError, match=r'sign it with "sequence:NUMBER expires:YYYY-MM-DD"'):
        verify(CONTENT, SIGNER.sign(CONTENT, comment), KEYS)


@pytest.mark.parametrize("text", ["", "\n\n\n\n", "no signature", "x" * 100_000])
def test_what_is_no_signature_is_refused(text):
    with pytest.raises(ModelError, match=r"signature is damaged"):
        verify(CONTENT, text, KEYS)


def test_a_key_is_a_text_or_a_file_of_minisign(tmp_path):
    file = tmp_path / "release.pub"
    file.write_text(f"untrusted comment: minisign public key\n{SIGNER.public}\n")
    assert [key.name for key in read_keys([SIGNER.public, str(file)])] == [SIGNER.name] * 2


def test_what_is_neither_a_key_nor_a_file_is_named(tmp_path):
    (tmp_path / "text").write_text("nothing")
    with pytest.raises(ConfigError, match=r"models.trusted_keys: /nonexistent: No such file"):
        read_keys(["/nonexistent"])
    with pytest.raises(ConfigError, match=r"text: has no public key of minisign"):
        read_keys([str(tmp_path / "text")])


@pytest.mark.parametrize("options", [[], ["-l"]], ids=["prehashed", "legacy"])
def test_debian_s_minisign_signs_what_is_verified_here(tmp_path, options):
    need("minisign")
    key, public, file = (str(tmp_path / name) for name in ("key", "key.pub", "sums"))
    (tmp_path / "sums").write_bytes(CONTENT)
    subprocess.run(["minisign", "-G", "-W", "-f", "-s", key, "-p", public], check=True, stdout=subprocess.DEVNULL)
    command = ["minisign", "-S", *options, "-s", key, "-m", file, "-t", COMMENT]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    signature = normal_form((tmp_path / "sums.minisig").read_text())
    assert verify(CONTENT, signature, read_keys([public])).sequence == 7
    (tmp_path / "sums.minisig").write_text(signature)
    subprocess.run(["minisign", "-V", "-p", public, "-m", file], check=True, stdout=subprocess.DEVNULL)
