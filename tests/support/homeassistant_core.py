"""Run by a Python that has the package `homeassistant`: Home Assistant itself on a broker, printing its entities.

    PYTHON tests/support/homeassistant_core.py PORT FOLDER PAGE_PORT

Each line on standard output is a JSON object: `entities` (unique id to state and attributes) and `devices` of MQTT.
Each line on standard input, `DOMAIN SERVICE JSON`, is what a person does on the dashboard; it ends when that does.
"""

import asyncio
import json
import sys

from homeassistant import auth, bootstrap, config_entries, core, loader
from homeassistant.components.mqtt.config_flow import FlowHandler
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.setup import async_setup_component


def entry(port: int) -> config_entries.ConfigEntry:
    """Return what a user's answers to the MQTT dialogue become."""
    return config_entries.ConfigEntry(
        data={"broker": "127.0.0.1", "port": port, "discovery": True},
        discovery_keys={},
        domain="mqtt",
        minor_version=FlowHandler.MINOR_VERSION,
        options={},
        source="user",
        subentries_data=None,
        title="broker",
        unique_id=None,
        version=FlowHandler.VERSION,
    )


async def start(port: int, folder: str) -> core.HomeAssistant:
    """Return a running Home Assistant with nothing but MQTT."""
    home = core.HomeAssistant(folder)
    home.config.skip_pip = True
    home.config_entries = config_entries.ConfigEntries(home, {})
    loader.async_setup(home)
    await bootstrap.async_load_base_functionality(home)
    home.auth = await auth.auth_manager_from_config(home, [], [])
    # the page that MQTT depends on listens on loopback
    assert await async_setup_component(home, "http", {"http": {"server_host": ["127.0.0.1"], "server_port": PAGE}})
    assert await async_setup_component(home, "homeassistant", {})
    if home.config_entries.async_entries("mqtt"):  # started before in this folder
        assert await async_setup_component(home, "mqtt", {})
    else:
        await home.config_entries.async_add(entry(port))
    await home.async_start()
    return home


def entities(home: core.HomeAssistant) -> dict[str, dict[str, object]]:
    """Return state and attributes of all entities that MQTT made, by their unique id."""
    registry, found = entity_registry.async_get(home), {}
    for item in registry.entities.values():
        state = home.states.get(item.entity_id)
        if item.platform == "mqtt":
            attributes = dict(state.attributes) if state else {}
            found[item.unique_id] = {"state": state.state if state else "none", "domain": item.domain}
            found[item.unique_id] |= {"attributes": attributes}
    return found


def devices(home: core.HomeAssistant) -> list[str]:
    """Return the identifiers of all devices that MQTT made."""
    registry = device_registry.async_get(home)
    return sorted(name for item in registry.devices.values() for domain, name in item.identifiers if domain == "mqtt")


async def main(port: int, folder: str) -> None:
    """Print the entities twice per second until standard input ends."""
    home = await start(port, folder)
    loop = asyncio.get_running_loop()
    line = loop.run_in_executor(None, sys.stdin.readline)
    while True:
        done, _ = await asyncio.wait([line], timeout=0.5)
        if done:
            words = line.result().split()
            if not words:
                break
            await home.services.async_call(words[0], words[1], json.loads(" ".join(words[2:])), blocking=True)
            line = loop.run_in_executor(None, sys.stdin.readline)
        sys.stdout.write(json.dumps({"entities": entities(home), "devices": devices(home)}, default=str) + "\n")
        sys.stdout.flush()
    await home.async_stop(force=True)


PAGE = int(sys.argv[3])

asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
