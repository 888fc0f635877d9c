"""The whole command on machines that really have each problem: other files, users, programs, libraries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.doctor import Finding, FindingState, packages
from edge.doctor.host import Host, run
from tests.support.mounts import mounts
from tests.support.program import ROOT, command, environment


def doctor(folder: Path, script: str, *arguments: str, **more: str) -> dict[str, dict[str, str]]:
    """Return what the command finds, by check, on a machine that a script of mounts has changed for it alone."""
    found = folder / "found.json"
    words = command("doctor", "--json", found, "--set", "camera.source=usb:0", *arguments)
    subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh", *words],
        env=environment(**more),
        timeout=120,
        check=False,
        capture_output=True,
    )
    return {row["check"]: row for row in json.loads(found.read_text())}


WEBCAM = """
mount -t tmpfs none /sys/class
mkdir -p /sys/class/video4linux/video0
echo 'HD Webcam' > /sys/class/video4linux/video0/name
mount -t tmpfs none /mnt
cp -a /dev/null /dev/zero /dev/urandom /dev/random /mnt
mount --move /mnt /dev
: > /dev/video0
chmod 660 /dev/video0
chown 1:44 /dev/video0
"""


@mounts
def test_the_program_that_has_the_camera_open_is_named(tmp_path):
    rows = doctor(tmp_path, f"{WEBCAM}\nsleep 60 < /dev/video0 &\nexec 3> /dev/null")
    assert (rows["camera"]["state"], rows["camera"]["found"]) == ("ok", "/dev/video0 (HD Webcam)")
    assert rows["camera in use"]["state"] == "warning"
    assert rows["camera in use"]["found"].startswith("by sleep (process ")


@mounts
def test_a_user_outside_the_group_video_is_reported(tmp_path):
    without_rights = "set -- setpriv --bounding-set=-all --inh-caps=-all"  # a root for whom the bits of files count
    rows = doctor(tmp_path, f'{WEBCAM}\n{without_rights} "$@"')
    assert rows["video group"]["state"] == "missing"
    assert rows["video group"]["found"] == "this user may not use /dev/video0"
    assert doctor(tmp_path, WEBCAM)["video group"]["state"] == "ok"


@mounts
def test_little_memory_and_a_hot_chip_are_warnings(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal:  433000 kB\nSwapTotal:  102396 kB\n")
    script = f"""
    mount --bind {tmp_path}/meminfo /proc/meminfo
    mount -t tmpfs none /sys/class
    mkdir -p /sys/class/thermal/thermal_zone0
    echo 84500 > /sys/class/thermal/thermal_zone0/temp
    """
    rows = doctor(tmp_path, script)
    assert (rows["memory"]["state"], rows["memory"]["found"]) == (
        "warning",
        "522 MB including swap; a start may be killed",
    )
    assert (rows["heat"]["state"], rows["heat"]["found"]) == ("warning", "84 °C: the processor slows down")


@mounts
@pytest.mark.parametrize(("there", "fix"), [((), "espeak-ng"), (("espeak-ng",), "alsa-utils")])
def test_a_voice_without_its_programs_is_reported(tmp_path, there, fix):
    for name in there:
        (tmp_path / name).symlink_to(shutil.which(name) or "/usr/bin/false")
    script = f"PATH={tmp_path}; export PATH"
    rows = doctor(tmp_path, script, "--set", "notice.voice=espeak")
    assert rows["voice"]["state"] == "missing"
    assert rows["voice"]["fix"] == f"sudo apt install {fix}"


WITHOUT_LIBRARY = """
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay none -o lowerdir={folder},upperdir=/mnt/upper,workdir=/mnt/work {folder}
rm {folder}/{library}
"""


@mounts
@pytest.mark.parametrize(("library", "package"), [("libSM.so.6", "libsm6"), ("libICE.so.6", "libice6")])
def test_a_library_that_a_window_needs_is_named_with_its_package(tmp_path, display, library, package):
    """A minimal Debian lacks both; the doctor once reported ok although no window could open."""
    (path,) = Path("/usr/lib").glob(f"*-linux-gnu/{library}")
    script = WITHOUT_LIBRARY.format(folder=path.parent, library=library)
    row = doctor(tmp_path, script, DISPLAY=display.name)["display"]
    assert row["found"] == f"{display.name}: no window opens: {library} is missing"
    assert (row["state"], row["fix"]) == ("missing", f"sudo apt install {package}")


@mounts
def test_a_display_is_ok_once_a_window_has_opened_on_it(tmp_path, display):
    assert doctor(tmp_path, "", DISPLAY=display.name)["display"]["found"] == f"{display.name}: a window opens"
    display.kill()
    row = doctor(tmp_path, "", DISPLAY=display.name)["display"]
    assert (row["state"], row["found"]) == ("missing", f"{display.name}: the display refuses the connection")


@pytest.fixture(scope="module")
def numpy_2(tmp_path_factory) -> Host:
    """Return a Raspberry Pi whose Python has numpy 2 and libraries that were compiled for numpy 1."""
    folder = tmp_path_factory.mktemp("pi")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    wheels = ["numpy>=2,<2.3", "simplejpeg==1.7.2", "tflite-runtime>=2.14,<2.15"]
    install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--no-deps", *wheels], check=True)
    subprocess.run([*install, "pydantic>=2.7,<3"], check=True)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    (site / "picamera2.py").write_text("import simplejpeg\n")  # as the real one does
    (folder / "proc/device-tree").mkdir(parents=True)
    (folder / "proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.4\0")
    return Host(root=folder, python=str(python))


@pytest.mark.long
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no wheel of that time for this Python")
def test_libraries_compiled_for_another_numpy_are_reported_with_the_fix(numpy_2):
    fix = "pip install 'numpy<2' 'opencv-python<4.12' in maskwatch's environment"
    camera, models = packages.picamera2(numpy_2), packages.tflite(numpy_2)
    assert camera == Finding("picamera2", FindingState.MISSING, "it does not work with the installed numpy", fix)
    assert models == Finding(
        "tflite", FindingState.MISSING, "tflite_runtime does not work with the installed numpy", fix
    )
    opened = f"from pathlib import Path; from edge.tflite import Model; Model(Path({str(ROOT / 'models/mask')!r}))"
    error = run([numpy_2.python, "-c", opened], environment()).last_line
    assert error.startswith("edge.errors.ModelError: tflite_runtime.interpreter does not work with numpy 2.")
    assert error.endswith("fix: pip install 'numpy<2'")
