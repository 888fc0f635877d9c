#!/bin/sh
# Install maskwatch as a service: the program in /opt/maskwatch, its unit and its user, settings in /etc/maskwatch, the
# command in /usr/local/bin. Run it again to upgrade. `sudo make uninstall` removes it.
set -eu
umask 022

clone=$(cd "$(dirname "$0")/.." && pwd)
program=/opt/maskwatch
settings=/etc/maskwatch
notes=/usr/local/share/doc/maskwatch
command=/usr/local/bin/maskwatch
unit=/etc/systemd/system/maskwatch.service
lock=$clone/systemd/requirements.lock
# Python imports from the current folder, and runs as root below: use a folder that only root can write to.
cd /

fail() {
    echo "maskwatch: $1" >&2
    exit 1
}

# Install the packages that maskwatch uses, in the versions of the lock, verified by hash.
install_packages() {
    set -- "$program/bin/python" -m pip install --disable-pip-version-check
    case $(python3 -c 'import platform, sys; print(platform.machine(), "%d.%d" % sys.version_info[:2])') in
    "x86_64 3.11" | "x86_64 3.12" | "x86_64 3.13" | "aarch64 3.11" | "aarch64 3.12" | "aarch64 3.13")
        "$@" --require-hashes --requirement "$lock"
        ;;
    "armv7l 3.11")
        # PyPI has no wheels for 32-bit ARM; piwheels.org builds its own, with hashes other than the lock's
        echo "32-bit ARM: installing the versions of the lock without verifying hashes"
        sed -e '/^ *--hash=/d' -e 's/ *\\$//' "$lock" >"$copy/pins"
        "$@" --requirement "$copy/pins"
        ;;
    *)
        echo "The lock does not cover this Python and processor: installing the newest compatible versions without verifying hashes"
        "$@" --upgrade 'setuptools>=68' "$copy"
        ;;
    esac
}

# 1. Requirements, checked before anything is changed
[ "$(id -u)" = 0 ] || fail "installing a service needs root; fix: sudo make install"
command -v systemctl >/dev/null && command -v systemd-sysusers >/dev/null ||
    fail "this machine has no systemd; to run maskwatch without a service: make run"
command -v python3 >/dev/null || fail "Python is not installed; fix: apt install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or later is required, this is $(python3 --version)"
python3 -c 'import ensurepip, venv' 2>/dev/null ||
    fail "Python cannot create virtual environments; fix: apt install python3-venv"

# 2. The program. The environment sees the system's packages, for apt's python3-picamera2.
echo "Installing the program to $program: pip downloads about 150 MB, which takes some minutes on a Pi ..."
python3 -m venv --system-site-packages "$program" || fail "no virtual environment could be created in $program; is the disk full?"
# Build from a copy, so that root leaves no files in the clone.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R "$clone/edge" "$clone/models" "$clone/config" "$clone/setup.py" "$clone/pyproject.toml" "$clone/README.md" "$copy"
install_packages || fail "the packages could not be installed (pip's error is above); is the network up?"
"$program/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
    --upgrade "$copy" || fail "the program could not be installed (pip's error is above)"
"$program/bin/python" -c 'import cv2' ||
    fail "a system library of OpenCV is missing; fix: apt install $("$clone/setup-apt.sh" --print run), then install again"

# 3. Its user, settings (existing ones are kept) and unit
install -D -m 644 "$clone/systemd/maskwatch.conf" /etc/sysusers.d/maskwatch.conf
systemd-sysusers /etc/sysusers.d/maskwatch.conf || fail "the user maskwatch could not be created"
mkdir -p "$settings"
[ -e "$settings/config.toml" ] || install -m 644 "$clone/systemd/config.toml" "$settings/config.toml"
install -D -m 644 "$clone/systemd/NOTES.md" "$notes/NOTES.md"
install -D -m 755 "$clone/systemd/launcher.sh" "$command"
# Do not restart a running service with settings that it would refuse; a new one has no broker yet.
refused=$("$command" check 2>&1 >/dev/null) || {
    systemctl --quiet is-active maskwatch.service 2>/dev/null && fail "the settings are refused: $refused"
}
install -D -m 644 "$clone/systemd/maskwatch.service" "$unit"
if [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 253 ]; then
    sed -i -e 's/^Type=notify$/Type=notify-reload/' -e '/^ExecReload=/d' "$unit"
fi
# For a device that counts by a timer instead: installed, and enabled by nobody but the operator.
install -m 644 "$clone/systemd/maskwatch-once.service" "$clone/systemd/maskwatch-once.timer" "$(dirname "$unit")"
systemctl --quiet enable maskwatch.service || fail "the service could not be enabled"

# 4. Restart a running service with the new program; while an image is being built, systemd does not run
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart maskwatch.service || fail "the new version does not start; see: journalctl -u maskwatch -n 30"
fi

if systemctl --quiet is-active maskwatch.service 2>/dev/null; then
    echo "Upgraded; the service is running.  See: systemctl status maskwatch"
    exit 0
fi
[ -z "$refused" ] || echo "The current settings would be refused: $refused"
cat <<TEXT
Installed; it starts at boot. Remaining steps (or let  sudo maskwatch setup  ask for them):
  1. set your broker in $settings/config.toml             (mqtt.host)
  2. if it needs a password: write it to $settings/mqtt-password, then  chmod 600 $settings/mqtt-password
  3. start it:        sudo systemctl start maskwatch
  4. check it:        systemctl status maskwatch        journalctl -u maskwatch -f
  5. to see the video with \`maskwatch view\`:  sudo usermod -aG maskwatch \$USER, then log in again
Notes on disk, clock and watchdog: $notes/NOTES.md
TEXT
