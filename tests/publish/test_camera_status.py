"""Two cameras under one device name: the end of one does not mark the other offline."""

from __future__ import annotations

import pytest

from edge.publish.camera_status import CameraStatuses
from edge.publish.message import Message
from tests.support.contract import OpenEar, retained
from tests.support.device import TOP, end, watch
from tests.support.fakes import eventually
from tests.support.messages import sender

MAIN, DOOR = f"{TOP}/camera/main/status", f"{TOP}/camera/door/status"


def statuses(port: int) -> tuple[bytes | None, ...]:
    """Return the retained status of the device and of both cameras."""
    found = retained(port)
    return tuple(found.get(topic) for topic in (f"{TOP}/status", MAIN, DOOR))


ON, OFF = b"online", b"offline"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("killed", [True, False])
def test_one_camera_that_ends_leaves_the_other_online_and_the_last_one_leaves_the_device_offline(
    tmp_path, mosquitto, killed
):
    ear = OpenEar(mosquitto.port)
    main = watch(mosquitto, "stop-7", "usb:63", tmp_path / "main.db")
    door = watch(mosquitto, "stop-7", "usb:63", tmp_path / "door.db", "camera.name=door")
    assert eventually(lambda: statuses(mosquitto.port) == (ON, ON, ON), 60), (main.poll(), door.poll())
    if killed:
        main.kill()
        main.communicate()
    else:
        end(main)
    assert eventually(lambda: statuses(mosquitto.port) == (ON, OFF, ON), 60), statuses(mosquitto.port)
    again = watch(mosquitto, "stop-7", "usb:63", tmp_path / "main.db")
    assert eventually(lambda: statuses(mosquitto.port) == (ON, ON, ON), 60)
    end(again)
    assert eventually(lambda: statuses(mosquitto.port) == (ON, OFF, ON), 60), statuses(mosquitto.port)
    end(door)
    assert eventually(lambda: statuses(mosquitto.port) == (OFF, OFF, OFF), 60), statuses(mosquitto.port)
    ear.close()


def test_an_old_word_that_is_retained_is_not_contradicted_nor_a_flood_of_them_answered():
    sent: list[Message] = []
    roll = CameraStatuses(sender(), sent.append)
    roll.receive(f"{TOP}/status", b"offline", retained=True)
    roll.receive("maskwatch/1/stop-8/status", b"offline", retained=False)
    roll.receive(DOOR, b"offline", retained=False)
    assert sent == []
    roll.receive(DOOR, b"online", retained=True)
    for _ in range(200):
        roll.receive(f"{TOP}/status", b"offline", retained=False)
    assert [(message.topic, message.payload) for message in sent[:2]] == [(f"{TOP}/status", ON), (DOOR, OFF)]
    assert len(sent) <= 2 * 21
