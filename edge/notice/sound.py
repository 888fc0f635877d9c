"""Sound as samples: read from and written to WAV files, made equally loud, joined."""

from __future__ import annotations

import wave
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

_PEAK_DBFS = -3.0
"""The loudest sample of every clip before the volume is applied; headroom for a player that resamples."""
_FULL = 32_767
_PAUSE_S = 0.4
_LONGEST_S = 30.0


class SoundError(OSError):
    """A sound cannot be made, read or played; the sentence states the fix."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A sound. samples: int16 (N, channels).  rate_hz: samples per second."""

    samples: npt.NDArray[np.int16]
    rate_hz: int

    @property
    def length_s(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate_hz

    @property
    def peak_dbfs(self) -> float:
        """The loudest sample in decibels below full scale; -inf for silence."""
        peak = int(np.abs(self.samples.astype(np.int32)).max(initial=0))
        return float(20 * np.log10(peak / _FULL)) if peak else float("-inf")


def read(path: Path) -> Clip:
    """Return the clip in a WAV file of 16-bit samples, at most 30 s of it.

    Raises:
        SoundError: there is no such file, or it is not such a WAV file.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise SoundError(f"{path}: has {8 * file.getsampwidth()} bits per sample; {_convert(path)}")
            content = file.readframes(int(_LONGEST_S * file.getframerate()))
            samples = np.frombuffer(content, "<i2").reshape(-1, file.getnchannels()).astype(np.int16)
            return Clip(samples, file.getframerate())
    except SoundError:  # an OSError, too
        raise
    except (
        wave.Error,
        EOFError,
        ValueError,
        RuntimeError,
    ) as error:  # the last where a length points past the end of the file
        raise SoundError(f"{path}: is not a WAV file: {error}; {_convert(path)}") from error
    except FileNotFoundError as error:
        raise SoundError(
            f"{path}: there is no such file; fix: set notice.voice to off, espeak, or a WAV file"
        ) from error
    except OSError as error:
        raise SoundError(f"{path}: cannot be read: {error.strerror}") from error


def _convert(path: Path) -> str:
    return f"fix: ffmpeg -i {path.name} -c:a pcm_s16le notice.wav"


def write(clip: Clip, path: Path) -> None:
    """Write a clip as a WAV file.

    Raises:
        OSError: the disk is full or the folder cannot be written to.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(clip.samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(clip.rate_hz)
        file.writeframes(clip.samples.astype("<i2").tobytes())


def normalised(clip: Clip) -> Clip:
    """Return a clip whose peak is at -3 dBFS; silence stays silence."""
    if np.isinf(clip.peak_dbfs):
        return clip
    return louder(clip, 10 ** ((_PEAK_DBFS - clip.peak_dbfs) / 20))


def louder(clip: Clip, factor: float) -> Clip:
    """Return a clip with each sample times `factor`, cut off at full scale."""
    scaled = np.clip(np.rint(clip.samples.astype(np.float64) * factor), -_FULL, _FULL)
    return replace(clip, samples=scaled.astype(np.int16))


def joined(clips: Sequence[Clip]) -> Clip:
    """Return the clips one after another, with a short pause between them.

    Raises:
        SoundError: they differ in rate or channels.
    """
    first = clips[0]
    if any((clip.rate_hz, clip.samples.shape[1]) != (first.rate_hz, first.samples.shape[1]) for clip in clips):
        raise SoundError("these voices differ in their sampling rate; fix: set other ones in notice.languages")
    pause = silence(_PAUSE_S, first.rate_hz, first.samples.shape[1]).samples
    parts = [part for clip in clips for part in (pause, clip.samples)][1:]
    return Clip(np.concatenate(parts), first.rate_hz)


def silence(length_s: float, rate_hz: int, channels: int) -> Clip:
    """Return a clip of silence."""
    return Clip(np.zeros((round(length_s * rate_hz), channels), np.int16), rate_hz)
