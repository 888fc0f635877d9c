"""Parts that outlive a change of settings which does not concern them."""

from __future__ import annotations

import pytest

from edge.app.components import Components, stamp


class Part:
    """Notes when it is opened and closed."""

    def __init__(self, name: str, said: list[str]) -> None:
        self.name, self._said = name, said
        said.append(f"+{name}")

    def close(self) -> None:
        self._said.append(f"-{self.name}")


class Shop:
    """Composes parts by their keys, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.keep = Components()

    def compose(self, **keys: object) -> dict[str, Part]:
        self.said.clear()
        return self.keep.compose(
            lambda: {
                name: self.keep(name, key, lambda name=name: Part(name, self.said), Part.close)
                for name, key in keys.items()
            }
        )


def test_a_part_is_kept_while_its_key_is_equal_and_closed_before_another_is_built():
    shop = Shop()
    before = shop.compose(camera=("usb", 1), link=("host",))
    after = shop.compose(camera=("usb", 1), link=("other",))
    assert shop.said == ["-link", "+link"]
    assert after["camera"] is before["camera"]
    assert after["link"] is not before["link"]


def test_what_hangs_on_a_part_that_is_new_is_new_too():
    shop = Shop()
    first = shop.compose(scene=1)["scene"]
    shop.compose(scene=1, window=first)
    scene = shop.compose(scene=2, window=first)["scene"]
    shop.compose(scene=2, window=scene)
    assert shop.said == ["-window", "+window"]


def test_what_is_no_longer_asked_for_is_closed_and_the_rest_in_the_end_the_other_way_round():
    shop = Shop()
    shop.compose(a=1, b=1, c=1, d=1)
    shop.compose(a=2, b=1, d=1)
    assert shop.said == ["-a", "+a", "-c"]
    shop.said.clear()
    shop.keep.close()
    assert shop.said == ["-d", "-b", "-a"], "by the order in which they depend on each other, not by their age"


def test_a_composition_that_fails_half_way_can_be_taken_back():
    shop = Shop()
    before = shop.compose(a=1, b=1, c=1)

    def fails() -> None:
        shop.keep("a", 2, lambda: Part("a", shop.said), Part.close)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - any
        shop.keep.compose(fails)
    after = shop.compose(a=1, b=1, c=1)
    assert (after["b"], after["c"]) == (before["b"], before["c"])
    shop.said.clear()
    shop.keep.close()
    assert shop.said == ["-c", "-b", "-a"]


def test_a_file_that_is_replaced_under_its_name_makes_a_new_part(tmp_path):
    """A certificate that is renewed keeps its name: the page served the old one until a restart."""
    shop, file = Shop(), tmp_path / "web.pem"
    assert stamp("", file) == ((),)
    file.write_text("old")
    before = shop.compose(page=stamp(file))
    assert shop.compose(page=stamp(file)) == before
    (tmp_path / "new").write_text("new")
    (tmp_path / "new").replace(file)
    assert shop.compose(page=stamp(file)) != before
