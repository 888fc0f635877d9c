"""Types of the settings' values; wrong ones are refused in one sentence that explains the format."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from edge.notice import phrases, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Section(BaseModel):
    """A group of settings: frozen, typed strictly, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, str_strip_whitespace=True)


Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=16, le=16_384)]


def _parsed(parse: Callable[[str], object], *, optional: bool = False) -> AfterValidator:
    """Return a check that a text can be parsed; the error is the parser's sentence."""

    def check(text: str) -> str:
        try:
            if text or not optional:
                parse(text)
        except ValueError as error:
            raise _setting_error(error) from None
        return text

    return AfterValidator(check)


def _matching(pattern: str, sentence: str) -> AfterValidator:
    """Return a check that a whole text matches; `sentence` explains the format."""
    compiled = re.compile(pattern)

    def check(text: str) -> None:
        if not compiled.fullmatch(text):
            raise ValueError(sentence)

    return _parsed(check)


def _setting_error(error: ValueError) -> PydanticCustomError:
    return PydanticCustomError("setting", "{sentence}", {"sentence": str(error)})


def _pin(text: str) -> None:
    """Refuse anything but a pin of a Raspberry Pi's header. Source: BCM2835 ARM Peripherals, 6.2, GPIO0 to GPIO27."""
    if text not in {f"GPIO{number}" for number in range(28)}:
        raise ValueError("write the pin as the chip numbers it, GPIO0 to GPIO27, or nothing")


def _proxy(text: str) -> None:
    """Refuse what is neither an address nor a network, and the network of all addresses."""
    try:
        is_everything = not ipaddress.ip_network(text).prefixlen
    except ValueError:
        is_everything = True
    if is_everything:
        raise ValueError("write the proxy's address or network, such as 127.0.0.1 or 10.0.0.0/24")


Pin = Annotated[str, _parsed(_pin, optional=True)]
Proxy = Annotated[str, _parsed(_proxy)]
HoursText = Annotated[str, _parsed(schedule.hours_of, optional=True)]
VolumeHours = Annotated[str, _parsed(schedule.volume_hours_of)]
Words = Annotated[str, Field(max_length=200)] | dict[str, Annotated[str, Field(max_length=200)]]
"""One text, in the first language, or a text for each language."""
Language = Annotated[str, _matching(r"[a-z]{2,3}(-[a-z0-9-]{1,20})?", 'must be a language such as "en" or "pt-br"')]
"""A language as espeak-ng names its voices."""
TopicPart = Annotated[
    str,
    _matching(r"[^/+#\x00\s]{0,64}", 'may have no space, "/", "+" or "#", 64 characters at most; for example: stop-7'),
]
Root = Annotated[
    str,
    _matching(
        r"maskwatch/1(-[a-z0-9]+(-[a-z0-9]+)*)?",
        "must be maskwatch/1, or maskwatch/1-NAME with small letters and digits; for example: maskwatch/1-staging",
    ),
    Field(max_length=60),
]
User = Annotated[str, _matching(r"[^:]{0,64}", 'may have no ":", 64 characters at most; for example: viewer')]
UrlPath = Annotated[
    str, _matching(r"/[\w.~%+@=&/-]{0,200}", "must begin with a slash, without spaces; for example: /mqtt")
]
Prefix = Annotated[
    str,
    Field(max_length=100),
    _matching(
        r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", 'may have letters, digits, "-", "_" and "/"; for example: homeassistant'
    ),
]
Library = Annotated[str, _matching(r"(/.*|[^/]*)", "must be an absolute path, or a name without a slash")]
DelegateOptions = Annotated[
    str,
    Field(max_length=1_000),
    _matching(
        r"([^:;\s]+:[^;]*(;[^:;\s]+:[^;]*)*)?",
        'must be "key:value", several with ";"; for example: device:usb;speed:max',
    ),
]
"""As TFLite's benchmark_model takes them. Source: tensorflow/lite/tools/delegates, external_delegate_options."""
_SHARE_TEXT = r"(?:0(?:\.\d{1,6})?|1(?:\.0{1,6})?)"
Polygon = Annotated[
    str,
    Field(max_length=1_000),
    _matching(
        rf"{_SHARE_TEXT},{_SHARE_TEXT}(?: {_SHARE_TEXT},{_SHARE_TEXT}){{2,63}}",
        'must be three corners or more, "x,y" as shares from 0 to 1; for example: "0,0 0.3,0 0.3,1 0,1"',
    ),
]
"""Corners as shares of the image's width and height."""


def _source(value: object) -> object:
    """Return a source in its normal form: 0 and /dev/video0 are USB cameras, keywords and schemes are lower case."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text:
        return value
    if text.isdecimal() or text.startswith(_VIDEO_DEVICES):
        return f"usb:{text}"
    if text.lower() in _SOURCES:
        return text.lower()
    scheme, colon, rest = text.partition(":")
    return f"{scheme.lower()}:{rest}" if colon and scheme.lower() in _SCHEMES else text


_VIDEO_DEVICES = ("/dev/video", "/dev/v4l/")
_SOURCES = {"auto", "camera", "picamera", "demo"}
_SCHEMES = {"usb", "rtsp", "rtsps", "http", "https"}
Source = Annotated[str, BeforeValidator(_source), Field(min_length=1)]


def worded_in(languages: Sequence[str], own: Mapping[str, Any]) -> None:
    """Refuse a language that has neither built-in texts nor texts in `own` (phrase, thanks, sign_text)."""
    built_in = {"phrase": phrases.PLEASE, "thanks": phrases.THANKS, "sign_text": phrases.IDLE}
    try:
        for key, words in built_in.items():
            phrases.worded(languages, own.get(key, ""), words)
    except ValueError as error:
        raise _setting_error(error) from None
