"""The voice: what is said, how loud, by which program, and what becomes of it where there is none."""

from __future__ import annotations

import random
import subprocess
import threading
import time
import wave
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from edge.data import NoticeState, Phrase, Scene
from edge.notice.phrases import PLEASE, THANKS
from edge.notice.player import Player
from edge.notice.sound import Clip, SoundError, joined, louder, normalised, read, silence, write
from edge.notice.speech import spoken
from edge.notice.voice import Voice, _trial
from tests.support import fakes
from tests.support.fakes import Stopwatch, eventually
from tests.support.needs import need
from tests.support.players import RecordingPlayer

RATE_HZ = 22_050


def tone(length_s: float = 0.2, height: int = 9_000, channels: int = 1) -> Clip:
    steps = np.arange(round(length_s * RATE_HZ))
    wave_form = (height * np.sin(2 * np.pi * 440 * steps / RATE_HZ)).astype(np.int16)
    return Clip(np.repeat(wave_form[:, None], channels, 1), RATE_HZ)


def words(language: str, table: dict[str, str] = PLEASE) -> Phrase:
    return Phrase(language, table[language])


def scene(state: NoticeState = NoticeState.ON, volume: float = 0.6) -> Scene:
    return fakes.noticed(state, PLEASE["en"], volume=volume)


@pytest.fixture
def recorder(tmp_path, monkeypatch) -> RecordingPlayer:
    """Return the only player on PATH."""
    made = RecordingPlayer(tmp_path / "recorder")
    (made.programs / "sh").symlink_to("/bin/sh")
    for name in ("date", "ls", "wc", "cp", "sleep", "espeak-ng"):
        (made.programs / name).symlink_to(need(name))
    monkeypatch.setenv("PATH", str(made.programs))
    return made


@pytest.fixture
def speak(tmp_path):
    """Return a maker of voices that are closed at the end, and the list of what they complained of."""
    voices, told = [], []
    clips = {NoticeState.ON: normalised(tone()), NoticeState.THANKS: normalised(tone(0.1))}

    def make(prepare=lambda _folder: clips) -> tuple[Voice, list[str]]:
        voices.append(Voice(prepare, Player(), told.append, folder=str(tmp_path)))
        return voices[-1], told

    yield make
    for voice in voices:
        voice.close()


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize("language", PLEASE)
def test_a_phrase_is_what_espeak_says_in_that_language_as_loud_as_every_other(tmp_path, language):
    clip = spoken([words(language)], tmp_path)
    own = tmp_path / "own.wav"
    said = [need("espeak-ng"), "-v", language, "-s", "145", "-w", str(own), "--stdin"]
    subprocess.run(said, input=PLEASE[language].encode(), check=True)
    expected, got = read(own).samples[:, 0].astype(float), clip.samples[:, 0].astype(float)
    assert got.shape == expected.shape
    assert np.corrcoef(expected, got)[0, 1] > 0.999
    assert clip.peak_dbfs == pytest.approx(-3.0, abs=0.01)
    assert 2.0 < clip.length_s < 8.0


@pytest.mark.needs("espeak-ng")
def test_several_languages_are_said_after_one_another_with_a_pause(tmp_path):
    one, two = spoken([words("en")], tmp_path), spoken([words("de")], tmp_path)
    both = spoken([words("en"), words("de")], tmp_path)
    assert both.length_s == pytest.approx(one.length_s + 0.4 + two.length_s, abs=0.01)
    pause = both.samples[len(one.samples) : len(one.samples) + round(0.4 * RATE_HZ)]
    assert not pause.any()


@pytest.mark.needs("espeak-ng")
def test_what_begins_with_a_dash_is_said_and_no_option(tmp_path):
    assert spoken([Phrase("en", "--version is a phrase too")], tmp_path).length_s > 1.0


@pytest.mark.parametrize(("writes", "status"), [("true", 0), ('printf RIFF > "$6"', 3)])
def test_an_espeak_that_fails_or_writes_nothing_is_an_error(tmp_path, monkeypatch, writes, status):
    program = tmp_path / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{writes}\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SoundError, match=f'espeak-ng does not speak "en": it ended with {status}'):
        spoken([words("en")], tmp_path)


@pytest.mark.needs("espeak-ng")
def test_an_unknown_language_and_an_absent_espeak_are_one_sentence_with_the_fix(tmp_path, monkeypatch):
    with pytest.raises(SoundError, match=r'espeak-ng does not speak "qqq": .*; fix: choose one of espeak-ng --voices'):
        spoken([Phrase("qqq", "x")], tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SoundError, match="espeak-ng is not installed; fix: sudo apt install espeak-ng"):
        spoken([words("en")], tmp_path)


def test_a_clip_goes_to_a_file_and_back(tmp_path):
    clip = tone(channels=2)
    write(clip, tmp_path / "a.wav")
    back = read(tmp_path / "a.wav")
    assert back.rate_hz == RATE_HZ
    assert (back.samples == clip.samples).all()


def test_the_volume_is_in_the_samples_and_never_overflows():
    clip = normalised(tone(height=300))
    assert clip.peak_dbfs == pytest.approx(-3, abs=0.02)
    assert louder(clip, 0.5).peak_dbfs == pytest.approx(-9.02, abs=0.05)
    loud = louder(clip, 100)
    assert loud.peak_dbfs == pytest.approx(0, abs=0.01)
    assert (np.sign(loud.samples) == np.sign(clip.samples)).all()
    assert np.isinf(normalised(silence(0.1, RATE_HZ, 1)).peak_dbfs)


def test_voices_of_different_rates_are_not_joined():
    with pytest.raises(SoundError, match="sampling rate"):
        joined([tone(), Clip(tone().samples, 16_000)])


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\x00" * 100, None])
def test_a_file_that_is_no_sound_says_how_to_make_one(tmp_path, content):
    path = tmp_path / "a.wav"
    if content is None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(1)
            file.setframerate(8000)
            file.writeframes(b"\x80" * 100)
    else:
        path.write_bytes(content)
    with pytest.raises(SoundError, match=r"fix: ffmpeg -i a\.wav -c:a pcm_s16le notice\.wav"):
        read(path)


def test_a_changed_bit_of_a_sound_file_is_one_sentence_at_the_worst(tmp_path):
    path, dice = tmp_path / "a.wav", random.Random(4)
    write(Clip(np.zeros((50, 1), np.int16), 8_000), path)
    whole, refused = path.read_bytes(), 0
    for _ in range(500):
        content = bytearray(whole)
        content[dice.randrange(48)] ^= 1 << dice.randrange(8)
        path.write_bytes(content)
        try:
            read(path)
        except SoundError:
            refused += 1
    assert refused > 100


def test_a_file_that_is_absent_is_named_with_its_key(tmp_path):
    with pytest.raises(
        SoundError, match=r"none\.wav: there is no such file; fix: set notice\.voice to off, espeak, or a WAV file"
    ):
        read(tmp_path / "none.wav")


def test_a_notice_is_played_at_its_volume_and_thanks_are_played_too(recorder, speak):
    voice, told = speak()
    assert eventually(lambda: recorder.tried)
    voice.put(scene(volume=0.6))
    assert eventually(lambda: len(recorder.played) == 1)
    voice.put(scene(NoticeState.THANKS, 0.3))
    assert eventually(lambda: len(recorder.played) == 2)
    first, second = (read(path) for _, path in recorder.played)
    assert first.peak_dbfs == pytest.approx(-3 - 4.44, abs=0.05)
    assert -12 <= first.peak_dbfs <= -1
    assert second.peak_dbfs == pytest.approx(-3 - 10.46, abs=0.05)
    assert (first.length_s, second.length_s) == (pytest.approx(0.2), pytest.approx(0.1))
    assert set(told) <= {""}


def test_a_whole_voice_says_the_phrases_of_the_settings(recorder, speak):
    phrases = {NoticeState.ON: [words("en"), words("de")], NoticeState.THANKS: [words("en", THANKS)]}
    voice, _ = speak(lambda folder: {state: spoken(said, folder) for state, said in phrases.items()})
    assert eventually(lambda: recorder.tried)
    voice.put(scene(volume=1.0))
    assert eventually(lambda: len(recorder.played) == 1)
    clip = read(recorder.played[0][1])
    assert clip.peak_dbfs == pytest.approx(-3.0, abs=0.05)
    assert 5 < clip.length_s < 12


def test_what_may_not_be_heard_is_not_played(recorder, speak):
    voice, _ = speak()
    assert eventually(lambda: recorder.tried)
    voice.put(scene(volume=0.0))
    time.sleep(0.3)
    voice.put(scene(NoticeState.THANKS, 0.5))
    assert eventually(lambda: len(recorder.played) == 1)
    assert read(recorder.played[0][1]).length_s == pytest.approx(0.1)


def test_two_sounds_never_play_at_once_and_only_the_newest_waits(recorder, speak, tmp_path):
    busy = tmp_path / "busy"
    overlap = tmp_path / "overlap"
    recorder.write(f'[ -e "{busy}" ] && : > "{overlap}"; : > "{busy}"; sleep 0.4; /bin/rm "{busy}"')
    voice, _ = speak()
    assert eventually(lambda: recorder.tried and busy.exists())
    assert eventually(lambda: not busy.exists())
    for volume in (0.9, 0.8, 0.7, 0.1):
        voice.put(scene(volume=volume))
        time.sleep(0.05)
    assert eventually(lambda: len(recorder.played) >= 2)
    time.sleep(1.0)
    assert len(recorder.played) == 2
    assert not overlap.exists()
    assert read(recorder.played[-1][1]).peak_dbfs == pytest.approx(-23, abs=0.2)


def test_what_has_not_begun_when_the_notice_ends_is_not_said(recorder, speak):
    recorder.write("sleep 0.4")
    voice, _ = speak()
    assert eventually(lambda: recorder.tried)
    time.sleep(0.6)
    voice.put(scene(volume=0.9))
    assert eventually(lambda: len(recorder.played) == 1)
    voice.put(scene(volume=0.8))
    voice.put(fakes.noticed(NoticeState.OFF))
    time.sleep(0.8)
    assert len(recorder.played) == 1


def test_the_scenes_that_follow_do_not_cancel_a_notice_that_waits(recorder, speak):
    recorder.write("sleep 0.4")
    voice, _ = speak()
    assert eventually(lambda: recorder.tried)
    voice.put(scene(volume=0.9))
    for _ in range(5):
        voice.put(scene(volume=0.0))
    assert eventually(lambda: len(recorder.played) == 1)


def test_putting_never_waits_for_a_player_that_hangs_and_closing_ends_it(recorder, speak):
    recorder.write("exec sleep 60")
    voice, _ = speak()
    assert eventually(lambda: recorder.tried)
    watch = Stopwatch()
    for _ in range(200):
        voice.put(scene())
        voice.put(fakes.noticed(NoticeState.OFF))
    assert watch.s < 0.5
    voice.close()
    assert watch.s < 3.5
    assert "voice" not in {thread.name for thread in threading.enumerate()}


def test_a_player_that_is_stuck_is_ended_at_its_deadline(recorder, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.notice.player._GRACE_S", 0.2)
    recorder.write("exec sleep 60")
    write(tone(), tmp_path / "a.wav")
    with pytest.raises(SoundError, match="aplay is stuck"):
        Player().play(tmp_path / "a.wav", length_s=0.1)


def test_a_device_without_a_player_is_told_at_once_and_once(tmp_path, monkeypatch, speak):
    monkeypatch.setenv("PATH", str(tmp_path))
    voice, told = speak()
    assert eventually(lambda: told)
    voice.put(scene())
    time.sleep(0.3)
    assert set(told) == {"cannot be heard: there is no program that plays sound; fix: sudo apt install alsa-utils"}


def test_a_sound_card_that_is_torn_out_is_told_and_well_again_when_it_is_back(recorder, speak):
    recorder.write("echo 'ALSA lib: cannot find card 0' >&2; exit 1")
    voice, told = speak()
    assert eventually(lambda: told)
    assert told[-1].startswith("cannot be heard: aplay: ALSA lib: cannot find card 0; fix: ")
    recorder.write("")
    voice.put(scene())
    assert eventually(lambda: told[-1] == "")


def test_the_next_program_plays_where_the_first_cannot_and_is_remembered(recorder, tmp_path):
    tries = tmp_path / "tries"
    other = recorder.programs / "pw-play"
    other.write_text(f'#!/bin/sh\necho x >> "{tries}"\necho "no session" >&2\nexit 1\n')
    other.chmod(0o755)
    write(tone(), tmp_path / "a.wav")
    player = Player()
    for _ in range(3):
        player.play(tmp_path / "a.wav", length_s=0.2)
    assert tries.read_text() == "x\n"
    assert len(recorder.played) == 2


def test_a_voice_that_cannot_be_made_ready_says_why(speak, tmp_path):
    _, told = speak(partial(lambda path, _folder: {NoticeState.ON: read(path)}, tmp_path / "none.wav"))
    assert eventually(lambda: told)
    assert told[0].startswith("cannot speak: ")
    assert "fix: set notice.voice to off, espeak, or a WAV file" in told[0]


def test_no_sound_file_is_left_behind(recorder, speak, tmp_path):
    voice, _ = speak()
    assert eventually(lambda: recorder.tried)
    assert list(tmp_path.glob("voice-*"))
    voice.close()
    assert list(tmp_path.glob("voice-*")) == []


@pytest.mark.needs("aplay", "espeak-ng")
def test_the_real_aplay_plays_it_to_the_end(tmp_path, monkeypatch):
    """ALSA's own file plug-in stands in for the card and keeps the samples that it was played."""
    kept = tmp_path / "heard.raw"
    config = tmp_path / "asound.conf"
    config.write_text(
        f"pcm.!default {{ type file slave.pcm nothing file {kept} format raw }}\npcm.nothing {{ type null }}\n"
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    clip = spoken([words("en")], tmp_path)
    write(clip, tmp_path / "a.wav")
    Player().play(tmp_path / "a.wav", length_s=clip.length_s)
    heard = np.frombuffer(kept.read_bytes(), "<i2")
    assert (heard[: len(clip.samples)] == clip.samples[:, 0]).all()


def test_the_loudspeaker_is_tried_with_a_moment_of_silence_that_delays_no_notice():
    tried = _trial(tone(1.0, channels=2))
    assert np.isinf(tried.peak_dbfs)
    assert 0 < tried.length_s <= 0.1
    assert (tried.rate_hz, tried.samples.shape[1]) == (RATE_HZ, 2)


def test_a_notice_that_has_waited_for_more_than_8_seconds_is_not_spoken(recorder, speak, monkeypatch):
    clock, ready = fakes.FakeClock(), threading.Event()
    clips = {NoticeState.ON: tone()}
    monkeypatch.setattr("edge.notice.voice.time", SimpleNamespace(monotonic=clock))
    clock.now = 1.0
    voice, _ = speak(lambda _folder: ready.wait(10) and clips)
    voice.put(scene())
    clock.now = 9.5
    ready.set()
    assert eventually(lambda: voice._waiting is None)
    voice.put(scene(volume=0.3))
    assert eventually(lambda: recorder.played)
    assert [read(path).peak_dbfs for _, path in recorder.played] == [louder(tone(), 0.3).peak_dbfs]


def test_clips_with_the_same_sound_are_two_clips():
    """Arrays have no single answer to whether they are equal, so that a comparison of clips would raise."""
    one, other = tone(), tone()
    assert one != other
    assert len({one, other}) == 2
