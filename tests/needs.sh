#!/bin/sh
# What the tests use beside Python packages: a real broker, a real screen, a real browser, systemd's own checker.
set -eu
missing=""
command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v mosquitto_pub >/dev/null || missing="$missing mosquitto-clients"
command -v Xvfb >/dev/null || missing="$missing xvfb"
command -v xdotool >/dev/null || missing="$missing xdotool"
command -v import >/dev/null || missing="$missing imagemagick"
command -v ffmpeg >/dev/null || missing="$missing ffmpeg"
command -v espeak-ng >/dev/null || missing="$missing espeak-ng"
command -v aplay >/dev/null || missing="$missing alsa-utils"
command -v matchbox-window-manager >/dev/null || missing="$missing matchbox-window-manager"
command -v openssl >/dev/null || missing="$missing openssl"
command -v chromium >/dev/null || missing="$missing chromium"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -e /usr/lib/x86_64-linux-gnu/libGL.so.1 ] || [ -e /usr/lib/aarch64-linux-gnu/libGL.so.1 ] || missing="$missing libgl1"
if [ "${1:-}" = long ]; then
    command -v debootstrap >/dev/null || missing="$missing debootstrap"
    command -v systemd-nspawn >/dev/null || missing="$missing systemd-container"
    [ -e /usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib ] || missing="$missing gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
    command -v npm >/dev/null || missing="$missing npm"
    command -v bindfs >/dev/null || missing="$missing bindfs"
    command -v strace >/dev/null || missing="$missing strace"
fi
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "the tests need:$missing; mend: sudo apt install$missing" >&2
    exit 1
fi
apt-get -qq update
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $missing >/dev/null
