"""Values of settings that need more than a range: refused in one sentence that says how to write them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from edge.notice import hours, phrases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def _parsed(parse: Callable[[str], object], *, optional: bool = False) -> AfterValidator:
    """Return a check that a text can be parsed; the complaint is in the parser's own words."""

    def check(text: str) -> str:
        try:
            if text or not optional:
                parse(text)
        except ValueError as error:
            raise _complaint(error) from None
        return text

    return AfterValidator(check)


def _complaint(error: ValueError) -> PydanticCustomError:
    return PydanticCustomError("setting", "{sentence}", {"sentence": str(error)})


def _pin(text: str) -> None:
    """Refuse what is no pin of a Raspberry Pi's header. Source: BCM2835 ARM Peripherals, 6.2, GPIO0 to GPIO27."""
    if text not in {f"GPIO{number}" for number in range(28)}:
        raise ValueError("write the pin as the chip numbers it, GPIO0 to GPIO27, or nothing")


def _proxy(text: str) -> None:
    """Refuse what is no address and no network, and the network of everybody."""
    try:
        is_everybody = not ipaddress.ip_network(text).prefixlen
    except ValueError:
        is_everybody = True
    if is_everybody:
        raise ValueError("write the proxy's address or network, such as 127.0.0.1 or 10.0.0.0/24")


Pin = Annotated[str, _parsed(_pin, optional=True)]
Proxy = Annotated[str, _parsed(_proxy)]
HoursText = Annotated[str, _parsed(hours.hours_of, optional=True)]
VolumeHours = Annotated[str, _parsed(hours.volume_hours_of)]
Words = Annotated[str, Field(max_length=200)] | dict[str, Annotated[str, Field(max_length=200)]]
"""A text for the first language, or a text for each language."""
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z0-9-]{1,20})?$")]
"""As espeak-ng names its voices: "en", "pt-br"."""


def worded_in(languages: Sequence[str], own: Mapping[str, Any]) -> None:
    """Refuse a language for which `own` (phrase, thanks, sign_text) gives no words and none are built in."""
    built_in = {"phrase": phrases.PLEASE, "thanks": phrases.THANKS, "sign_text": phrases.IDLE}
    try:
        for key, words in built_in.items():
            phrases.worded(languages, own.get(key, ""), words)
    except ValueError as error:
        raise _complaint(error) from None
