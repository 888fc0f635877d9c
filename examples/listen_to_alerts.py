"""Print the alerts of every device on an MQTT broker, each once.

python examples/listen_to_alerts.py                                           # the embedded broker of `maskwatch run`
python examples/listen_to_alerts.py mqtt.host=broker.example mqtt.port=1883

Each alert is a dict as docs/mqtt.md describes it; act on none whose "delayed" is true. Ctrl-C ends it.
"""

import sys
import threading
from contextlib import suppress

import edge
from edge.publish.access import find
from edge.publish.subscriber import alerts


def main(overrides: list[str]) -> None:
    """Print one line per alert."""
    broker = find(edge.load_settings(overrides=overrides).mqtt)
    with suppress(KeyboardInterrupt):
        for alert in alerts(broker, threading.Event()):
            place = f"{alert['device']}/{alert['camera']}"
            print(place, alert["event_type"], alert["label"], f"{alert['confidence']:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
