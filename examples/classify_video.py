"""Print the alerts of a video, and how many people were in sight.

python examples/classify_video.py clip.mp4

A camera works in the same way (usb:0, picamera, rtsp://…, demo); Ctrl-C ends it.
"""

import sys
from collections import Counter
from contextlib import suppress

import edge


def main(source: str) -> None:
    """Print one line per alert, and at the end the number of people by their newest label."""
    labels: dict[int, str] = {}
    with suppress(KeyboardInterrupt):
        for scene in edge.watch(source):
            labels |= {track.id: track.mask.value for track in scene.visible}
            for alert in scene.alerts:
                word = f"{alert.event_type.value} {alert.episode.value}"
                print(f"{alert.raised_at:.1f} s: {word}, person {alert.track.id}")
    print("in sight:", dict(Counter(labels.values())))


if __name__ == "__main__":
    main(sys.argv[1])
