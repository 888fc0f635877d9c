"""What takes minutes: a kill at every system call, and a thousand flipped bits."""

from __future__ import annotations

import io
import random
from collections import Counter

import pytest

from edge.errors import ModelError
from tests.registry.kills import kill_everywhere
from tests.support.bundles import Signer, accept, small_bundle, store_in

pytestmark = [pytest.mark.long, pytest.mark.timeout(3_600)]
FLIPS = 1_000


@pytest.mark.parametrize("command", ["install", "promote", "rollback"])
def test_a_command_that_is_killed_at_any_system_call_leaves_the_old_state_or_the_new_one(command):
    counts = kill_everywhere(command)
    print(f"{command}: {counts}")
    assert min(counts.values()) > 0


def test_a_thousand_bits_that_are_flipped_one_at_a_time_are_refused_each_with_its_sentence(tmp_path):
    signer, chance, sentences = Signer(), random.Random(15), Counter()
    store, packed = store_in(tmp_path / "store", signer), small_bundle(tmp_path / "made", signer=signer)
    for _ in range(FLIPS):
        changed, bit = bytearray(packed), chance.randrange(8 * len(packed))
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError, match=r"^1.maskwatch: ") as caught:
            store.install(io.BytesIO(changed), "1.maskwatch", accept)
        sentences[str(caught.value).split(": ", 1)[1].split("; fix")[0][-50:]] += 1
    print(f"{FLIPS} flips refused: {sentences.most_common(8)}")
    assert store.installed() == []
