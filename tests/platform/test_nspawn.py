"""The service in a real systemd: installed, hung, killed, stopped, mis-set, upgraded, rebooted, taken away."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import demo_stream
from tests.support.machine import Machine, comes_true, machine, seconds_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SETTINGS = f"""
[device]
name = "stop"
[camera]
source = "{demo_stream.SOURCE}"
[mqtt]
host = "127.0.0.1"
"""
WATCHDOG_S, RESTART_S, TIMEOUT_STOP_S = 30, 2, 10
TOP = "maskwatch/1/stop"
STATUS = f"{TOP}/status"
WRITABLE = ("/var/lib/maskwatch", "/var/lib/mosquitto", "/var/log", "/tmp")
"""What a device with a read-only root mounts in memory or on a partition of its own."""


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> None:
    """Leave the machine alone, in place of the fixture for all tests: one booted by a test serves those after it."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Iterator[Machine]:
    """Return a booted machine with a broker, a clone and no maskwatch."""
    with machine(tmp_path_factory.mktemp("machine")) as debian:
        debian.copy_clone()
        debian.copy_wheels()
        debian.boot()
        yield debian


def make(debian: Machine, target: str, *, check: bool = True) -> str:
    """Run `sudo make TARGET` in the clone, with the wheels in place of a network."""
    return debian.run(
        "make", "--silent", "-C", "/src", target, check=check, PIP_NO_INDEX="1", PIP_FIND_LINKS="/wheels"
    ).stdout


@pytest.fixture(scope="module")
def installed(bare) -> tuple[Machine, str]:
    """Return the machine after `make install`, and the output."""
    output = make(bare, "install")
    demo_stream.install(bare)
    return bare, output


@pytest.fixture
def service(installed) -> Machine:
    """Return the machine with the service running as it comes, whatever a test did before."""
    debian, _ = installed
    debian.run("systemctl", "stop", "maskwatch")
    debian.run("systemctl", "reset-failed", "maskwatch", check=False)
    debian.path("/etc/maskwatch/config.toml").write_text(SETTINGS)
    debian.run("systemctl", "start", "mosquitto", "maskwatch")
    assert comes_true(lambda: retained(debian) == "online")
    return debian


def shown(debian: Machine, key: str) -> str:
    """Return a property of the service in systemd."""
    return debian.run("systemctl", "show", "maskwatch", "--value", f"--property={key}").stdout.strip()


def retained(debian: Machine, topic: str = STATUS) -> str:
    """Return the broker's retained message, empty without one."""
    return debian.run("mosquitto_sub", "-C", "1", "-W", "1", "-t", topic, check=False).stdout.strip()


def journal(debian: Machine, since: float = 0.0) -> str:
    return debian.run("journalctl", "--unit=maskwatch", "--output=cat", "--no-pager", f"--since=@{int(since)}").stdout


def set_to(debian: Machine, text: str) -> None:
    debian.path("/etc/maskwatch/config.toml").write_text(text)


def report(line: str) -> None:
    print(f"nspawn: {line}")


def test_installation_ends_with_the_remaining_steps_and_waits_for_a_broker_name(installed):
    debian, output = installed

    assert "set your broker in /etc/maskwatch/config.toml" in output
    assert "Traceback" not in output
    assert debian.run("systemctl", "is-enabled", "maskwatch").stdout.strip() == "enabled"
    assert shown(debian, "ActiveState") == "inactive"


def test_installation_leaves_nothing_of_root_s_in_the_clone(installed):
    debian, _ = installed

    assert not [path for path in debian.path("/src").iterdir() if path.name in ("build", "maskwatch.egg-info")]


def test_systemd_has_no_complaint_about_the_installed_unit(installed):
    debian, _ = installed

    assert debian.run("systemd-analyze", "verify", "maskwatch.service").stdout == ""


def test_systemd_as_it_runs_here_finds_the_service_little_exposed(installed):
    debian, _ = installed

    done = debian.run("systemd-analyze", "security", "--no-pager", "maskwatch.service").stdout
    overall = re.search(r"Overall exposure level for maskwatch.service: ([\d.]+)", done)
    assert overall, done
    report(f"exposure: {overall[1]}")
    assert float(overall[1]) <= 1.8


def test_a_wrong_setting_ends_it_with_78_and_without_a_restart(service):
    since = time.time()
    set_to(service, SETTINGS.replace("host", "hots"))
    service.run("systemctl", "restart", "maskwatch", check=False)

    assert not comes_true(lambda: shown(service, "ActiveState") != "failed", 2.5 * RESTART_S)
    assert shown(service, "ExecMainStatus") == "78"
    assert shown(service, "NRestarts") == "0"
    assert "mqtt.hots: unknown setting (did you mean 'host'?)" in journal(service, since)


def test_the_settings_as_they_come_end_it_with_78_and_the_words_that_help(service):
    set_to(service, service.path("/src/systemd/config.toml").read_text())
    service.run("systemctl", "restart", "maskwatch", check=False)

    assert comes_true(lambda: shown(service, "ActiveState") == "failed")
    assert shown(service, "ExecMainStatus") == "78"
    assert "mqtt.host: is not set; name your broker in /etc/maskwatch/config.toml" in journal(service)


def test_systemctl_status_shows_the_status_line(service):
    assert comes_true(lambda: "broker online" in shown(service, "StatusText"))
    report(f"status: {shown(service, 'StatusText')}")


def test_a_hung_process_is_aborted_by_the_watchdog_with_its_stack_and_restarted(service):
    before, since = shown(service, "MainPID"), time.time()
    assert comes_true(lambda: shown(service, "StatusText"))
    service.run("systemctl", "kill", "--signal=SIGSTOP", "maskwatch")
    took_s = seconds_until(lambda: shown(service, "NRestarts") == "1", WATCHDOG_S + 10)
    up_s = seconds_until(lambda: retained(service) == "online" and shown(service, "ActiveState") == "active", 30)

    report(f"hang: started again {took_s:.1f} s after, online {up_s:.1f} s later")
    output = journal(service, since)
    assert "Watchdog timeout" in output
    assert "signal=ABRT" in output or "status=6/ABRT" in output
    assert "Fatal Python error: Aborted" in output, "the stack of the hang belongs into the journal"
    assert shown(service, "MainPID") not in ("0", before)


def test_a_killed_process_is_started_again(service):
    service.run("systemctl", "kill", "--signal=SIGKILL", "maskwatch")
    took_s = seconds_until(lambda: shown(service, "NRestarts") == "1" and shown(service, "ActiveState") == "active", 30)

    report(f"SIGKILL: active again after {took_s:.1f} s")
    assert comes_true(lambda: retained(service) == "online")


FAULTS = re.compile(r"Traceback|killed|SIGKILL|State 'stop-sigterm' timed out|Failed with result|Scheduled restart")


@pytest.fixture
def quick(service) -> Machine:
    """Return the machine with a service that has just begun to watch, and publishes what is in force at once."""
    service.run("systemctl", "restart", "maskwatch")
    assert comes_true(lambda: "broker online" in shown(service, "StatusText"), 30), journal(service)
    assert comes_true(lambda: retained(service, f"{TOP}/alert/dwell_s/state") == "1.0", 30)
    return service


def connections(debian: Machine) -> int:
    return debian.path("/var/log/mosquitto/mosquitto.log").read_text().count("as maskwatch-stop-main ")


def unchanged(debian: Machine) -> tuple[str, str, int, int]:
    """Return what no reload may change: process, restarts, connections, openings of the camera."""
    opened = journal(debian).count("camera http://127.0.0.1:8090/: ok")
    return shown(debian, "MainPID"), shown(debian, "NRestarts"), connections(debian), opened


def keep_journal(debian: Machine, name: str, since: float) -> None:
    """Keep the journal of a test where MASKWATCH_JOURNAL names a file."""
    timed = ("--output=short-precise", "--no-pager", f"--since=@{int(since)}")
    output = debian.run("journalctl", "--unit=maskwatch", *timed)
    report(f"{name}: {output.stdout.count('settings: read again')} times read again")
    if file := os.environ.get("MASKWATCH_JOURNAL"):
        with Path(file).open("a") as kept:
            kept.write(f"== {name}\n{output.stdout}\n")


@pytest.mark.parametrize("kind", ["notify-reload", "notify"])
def test_twenty_reloads_by_systemctl_leave_process_camera_and_connection_as_they_are(quick, kind):
    """The service was killed 10 s after each: it sent STOPPING=1 at the end of a reload."""
    drop_in = quick.path("/run/systemd/system/maskwatch.service.d/reload.conf")
    if kind == "notify":
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        unit = quick.path("/src/systemd/maskwatch.service").read_text()
        drop_in.write_text(f"[Service]\nType=notify\n{re.findall('^ExecReload=.*$', unit, re.MULTILINE)[0]}\n")
        quick.run("systemctl", "daemon-reload")
        quick.run("systemctl", "restart", "maskwatch")
        assert comes_true(lambda: "broker online" in shown(quick, "StatusText"), 30)
    try:
        assert shown(quick, "Type") == kind
        since, before = time.time(), unchanged(quick)
        for number in range(20):
            dwell_s = 1 + number / 10
            set_to(quick, f"{SETTINGS}[alert]\ndwell_s = {dwell_s}\n")
            started_at = time.monotonic()
            quick.run("systemctl", "reload", "maskwatch")
            took_s = time.monotonic() - started_at
            assert shown(quick, "ActiveState") == "active"
            assert comes_true(lambda expected=f"{dwell_s}": retained(quick, f"{TOP}/alert/dwell_s/state") == expected)
        time.sleep(TIMEOUT_STOP_S + 2)
        keep_journal(quick, f"20 reloads by systemctl, Type={kind}, the last {took_s:.2f} s", since)
        assert unchanged(quick) == before
        assert journal(quick, since).count("settings: read again") == 20
        assert not FAULTS.search(journal(quick, since))
    finally:
        drop_in.unlink(missing_ok=True)
        quick.run("systemctl", "daemon-reload")


def test_a_reload_has_been_done_when_systemctl_returns(quick):
    set_to(quick, f"{SETTINGS}[alert]\ndwell_s = -1\n")
    quick.run("systemctl", "reload", "maskwatch")
    assert comes_true(lambda: "settings kept the old ones" in shown(quick, "StatusText"), 15)
    assert shown(quick, "ActiveState") == "active"
    set_to(quick, SETTINGS)
    quick.run("systemctl", "reload", "maskwatch")
    assert comes_true(lambda: "settings" not in shown(quick, "StatusText"), 15)


def test_twenty_changes_by_mqtt_leave_process_camera_and_connection_as_they_are(quick):
    since, before = time.time(), unchanged(quick)
    for number in range(20):
        key, value = ("alert/dwell_s", f"{1 + number / 10}") if number % 4 else ("detector/profile", "live")
        if number % 8 == 0:
            value = "quality"
        quick.run("mosquitto_pub", "-q", "1", "-t", f"{TOP}/{key}/set", "-m", value)
        assert comes_true(lambda key=key, expected=value: retained(quick, f"{TOP}/{key}/state") == expected, 20)
    time.sleep(TIMEOUT_STOP_S + 2)
    keep_journal(quick, "20 changes by MQTT", since)
    assert unchanged(quick) == before
    assert journal(quick, since).count("settings: read again") == 20
    assert not FAULTS.search(journal(quick, since))


def test_it_stops_within_5_s_and_leaves_offline_at_the_broker(service):
    started_at = time.monotonic()
    service.run("systemctl", "stop", "maskwatch")
    took_s = time.monotonic() - started_at

    report(f"stop: {took_s:.2f} s")
    assert took_s < 5
    assert retained(service) == "offline"
    assert (shown(service, "Result"), shown(service, "ExecMainStatus")) == ("success", "0")


def test_a_camera_that_is_absent_ends_nothing(service):
    since = time.time()
    set_to(service, SETTINGS.replace("http://127.0.0.1:8090/", "camera"))
    service.run("systemctl", "restart", "maskwatch")

    assert comes_true(lambda: "camera offline" in shown(service, "StatusText"), 30), journal(service, since)
    assert "no camera is connected; fix: " in journal(service, since)
    assert (shown(service, "ActiveState"), shown(service, "NRestarts")) == ("active", "0")


def test_a_broker_that_is_absent_ends_nothing_and_is_found_when_it_comes(service):
    service.run("systemctl", "stop", "mosquitto")
    service.run("systemctl", "restart", "maskwatch")

    assert comes_true(lambda: "broker unreachable" in shown(service, "StatusText"), 20)
    service.run("systemctl", "start", "mosquitto")
    assert comes_true(lambda: retained(service) == "online", 30)
    assert shown(service, "NRestarts") == "0"


def test_the_password_is_passed_as_a_credential_and_appears_nowhere_else(service):
    secret = "correct-horse-battery"
    service.run("mosquitto_passwd", "-b", "-c", "/etc/mosquitto/users", "stop", secret)
    service.run("chown", "mosquitto", "/etc/mosquitto/users")
    closed = service.path("/etc/mosquitto/conf.d/closed.conf")
    closed.write_text("listener 1884 127.0.0.1\nallow_anonymous false\npassword_file /etc/mosquitto/users\n")
    password = service.path("/etc/maskwatch/mqtt-password")
    password.write_text(secret)
    password.chmod(0o600)
    try:
        service.run("systemctl", "restart", "mosquitto")
        set_to(service, SETTINGS + 'port = 1884\nuser = "stop"\n')
        since = time.time()
        service.run("systemctl", "restart", "maskwatch")

        assert comes_true(lambda: "broker online" in shown(service, "StatusText"), 20), journal(service, since)
        pid = shown(service, "MainPID")
        seen = [service.path(f"/proc/{pid}/{name}").read_text(errors="replace") for name in ("cmdline", "environ")]
        seen += [journal(service, since), service.run("systemctl", "show", "maskwatch").stdout]
        assert not [text for text in seen if secret in text]
    finally:
        password.unlink()
        closed.unlink()
        service.run("systemctl", "restart", "mosquitto")


def test_the_process_has_no_rights_but_its_groups(service):
    pid = shown(service, "MainPID")
    status = dict(
        line.split(":\t", 1) for line in service.path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )

    assert status["Uid"].split()[0] == service.run("id", "-u", "maskwatch").stdout.strip()
    assert [status[key] for key in ("CapEff", "CapPrm", "CapBnd")] == ["0" * 16] * 3
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_within_the_sandbox_a_camera_s_group_still_opens_what_it_may_and_nothing_else_can_be_written(service):
    service.run("sh", "-c", "echo seen > /srv/camera && chown root:video /srv/camera && chmod 640 /srv/camera")
    drop_in = service.path("/run/systemd/system/maskwatch.service.d/probe.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    probe = (
        "grep -q seen /srv/camera && echo camera-read; touch /opt/maskwatch/x || touch /etc/maskwatch/x "
        "|| touch /srv/x || ls /home /root/ || echo nothing-else; touch /var/lib/maskwatch/x && echo state-written"
    )
    drop_in.write_text(f"[Service]\nExecStartPre=/bin/sh -c '{probe}'\n")
    since = time.time()
    try:
        service.run("systemctl", "daemon-reload")
        service.run("systemctl", "restart", "maskwatch")
    finally:
        drop_in.unlink()
        service.run("systemctl", "daemon-reload")

    output = journal(service, since)
    assert [word for word in ("camera-read", "nothing-else", "state-written") if word not in output] == [], output


def test_only_members_of_the_group_may_view(service):
    probe = (
        "from pathlib import Path; from edge.show.shared_scene import SceneReader; "
        "print(SceneReader(Path('/run/maskwatch/scene.sock')).newest(5)[0].shape)"
    )
    as_nobody = ("setpriv", "--reuid=nobody", "--clear-groups")
    python = ("/opt/maskwatch/bin/python", "-c", probe)

    member = service.run(*as_nobody, "--regid=maskwatch", *python)
    stranger = service.run(*as_nobody, "--regid=nogroup", *python, check=False)

    assert member.stdout.strip() == "(540, 960, 3)"
    assert "this user may not connect; fix: sudo usermod -aG maskwatch" in stranger.stdout


BROWSE = """
import http.cookiejar, sys, urllib.parse, urllib.request
page = "http://127.0.0.1:8080"
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
form = urllib.parse.urlencode({"token": sys.argv[1]}).encode()
request = urllib.request.Request(f"{page}/login", form, {"Origin": page})
print(browser.open(request, timeout=10).url)
print(b"image/jpeg" in browser.open(f"{page}/live.mjpg", timeout=10).read(20_000))
"""


def test_the_web_page_opens_under_the_unit_with_the_token_that_only_root_and_the_service_can_read(service):
    set_to(service, f"{SETTINGS}[web]\nserve = true\n")
    service.run("systemctl", "restart", "maskwatch")
    knock = ("bash", "-c", "< /dev/tcp/127.0.0.1/8080")
    assert comes_true(lambda: service.run(*knock, check=False).returncode == 0, 30), journal(service)

    program = "/opt/maskwatch/bin/maskwatch"
    stranger = service.run("setpriv", "--reuid=nobody", "--clear-groups", program, "web", "--token", check=False)
    token = service.run(program, "web", "--token").stdout.strip()
    seen = service.run("/opt/maskwatch/bin/python", "-c", BROWSE, token).stdout.split()

    assert stranger.returncode == 78
    assert token not in stranger.stdout
    assert seen == ["http://127.0.0.1:8080/", "True"]
    assert service.run("stat", "--format=%U %a", "/var/lib/maskwatch/web-token").stdout.split() == ["maskwatch", "600"]


def test_the_command_is_on_the_path_and_reads_the_settings_as_the_service_does(service):
    output = service.run("maskwatch", "check", COLUMNS="200").stdout

    assert re.search(r"show\.terminal .* production\.toml", output), output
    assert re.search(r"mqtt\.host .*127\.0\.0\.1.* /etc/maskwatch/config\.toml", output)


def test_an_upgrade_keeps_the_settings_and_changes_the_running_service_over(service):
    before = shown(service, "MainPID")

    output = make(service, "install")

    assert "Upgraded; the service is running" in output
    assert service.path("/etc/maskwatch/config.toml").read_text() == SETTINGS
    assert shown(service, "MainPID") not in ("0", before)


def test_with_root_read_only_it_runs_all_the_same(service):
    service.shut_down()
    try:
        service.boot("--read-only", *(f"--tmpfs={path}:mode=1777" for path in WRITABLE))

        assert service.run("touch", "/opt/x", check=False).returncode != 0
        assert comes_true(lambda: retained(service) == "online", 30), journal(service)
        assert service.run("stat", "--format=%U", "/var/lib/maskwatch").stdout.strip() == "maskwatch"
    finally:
        service.shut_down()
        service.boot()


def test_it_comes_back_by_itself_with_the_machine(service):
    service.shut_down()
    service.boot()

    took_s = seconds_until(lambda: shown(service, "ActiveState") == "active", 30)
    report(f"boot: active {took_s:.1f} s after systemd was up")
    assert comes_true(lambda: retained(service) == "online", 20)


def test_it_comes_back_by_itself_after_a_power_cut(service):
    service.pull_the_plug()
    service.boot()

    assert comes_true(lambda: shown(service, "ActiveState") == "active", 30)
    assert comes_true(lambda: retained(service) == "online", 20)


def an_episode_is_open(log: str) -> bool:
    return log.rfind("episode start") > log.rfind("episode end")


def test_alerts_that_no_broker_took_before_a_reboot_are_delivered_after_it_and_say_so(service):
    service.run("systemctl", "stop", "mosquitto")
    service.run("systemctl", "disable", "mosquitto")
    service.run("systemctl", "restart", "maskwatch")
    since = time.time()
    assert comes_true(lambda: an_episode_is_open(journal(service, since)), 60), journal(service, since)
    service.pull_the_plug()
    service.boot()
    try:
        # the broker of a reboot starts without a word of it; a listener is there before the device finds the way
        assert comes_true(lambda: shown(service, "ActiveState") == "active", 30)
        service.run("systemctl", "stop", "maskwatch")
        service.run("systemctl", "start", "mosquitto")
        topic = "maskwatch/1/stop/camera/main/alert"
        service.run("sh", "-c", f"mosquitto_sub -V 5 -q 1 -W 25 -t {topic} >/tmp/heard 2>/dev/null &")
        service.run("systemctl", "start", "maskwatch")
        assert comes_true(lambda: '"delayed":true' in service.run("cat", "/tmp/heard", check=False).stdout, 25)
        heard = [json.loads(line) for line in service.run("cat", "/tmp/heard").stdout.splitlines()]
    finally:
        service.run("systemctl", "enable", "mosquitto")
    late = [alert for alert in heard if alert["delayed"]]
    assert "start" in {alert["event_type"] for alert in late}
    assert "restart" in {alert["reason"] for alert in heard if alert["event_type"] == "end"}
    keys = [(alert["event_id"], alert["seq"]) for alert in heard]
    assert len(keys) == len(set(keys))


def test_uninstalling_keeps_and_lists_settings_and_undelivered_alerts(service):
    output = make(service, "uninstall")

    assert "/etc/maskwatch" in output
    assert "/var/lib/maskwatch" in output
    assert "userdel maskwatch" in output
    assert not service.path("/usr/local/bin/maskwatch").exists()
    assert retained(service) == "offline"
    assert service.run("systemctl", "status", "maskwatch", check=False).returncode == 4, "systemd still knows it"
    assert service.path("/etc/maskwatch/config.toml").read_text() == SETTINGS
    assert service.path("/var/lib/maskwatch").is_dir()
    assert not service.path("/opt/maskwatch").exists()
