#!/bin/sh
# Print which Debian packages maskwatch uses and why, then install them with apt, which lists its changes and asks first.
#   setup-apt.sh [run] [test] [long] [release] [--yes] [--print]      default: run test
# The only list of system packages; a test compares the README, the Makefile, .ci/run and the skipped tests with it.
set -eu

packages() {
    cat <<'TABLE'
run  git                      downloads the program
run  make                     the commands of the Makefile
run  python3-venv             Python environments
run  libgl1                   OpenCV
run  libglib2.0-0             OpenCV
run  libsm6                   OpenCV's window
run  libice6                  OpenCV's window
test gcc                      compiles a library that simulates a hanging disk
test libc6-dev                its headers
test mosquitto                a real MQTT broker
test mosquitto-clients        mosquitto_pub and mosquitto_sub
test xvfb                     a virtual display
test xdotool                  keys and clicks in windows
test matchbox-window-manager  a window manager
test imagemagick              reads the display's pixels
test ffmpeg                   writes videos in many formats
test espeak-ng                the voice
test alsa-utils               plays the voice
test openssl                  certificates
test chromium                 shows the web page
test libatomic1               the browser's driver
test systemd                  checks the service's unit
test procps                   lists processes
test minisign                 signs bundles of models
test prometheus               reads the metrics, and checks the rules
long strace                   which files are opened
long debootstrap              a Debian to install the service in
long systemd-container        boots it
long gir1.2-gst-rtsp-server-1.0  a network camera
long python3-gi               the same
long gstreamer1.0-plugins-base  the same
long gstreamer1.0-plugins-good  the same
long gstreamer1.0-plugins-bad   the same
long npm                      installs the accessibility checker
long bindfs                   a file system that hangs
release valgrind              counts instructions
release qemu-user             counts those of a Raspberry Pi
release gcc                   compiles the counter
release diffoscope-minimal    compares two wheels
TABLE
}

kinds="" yes="" print=""
for word in "$@"; do
    case $word in
    run | test | long | release) kinds="$kinds $word" ;;
    --yes) yes=--yes ;;
    --print) print=1 ;;
    *)
        echo "setup-apt.sh: $word: unknown; use: setup-apt.sh [run] [test] [long] [release] [--yes] [--print]" >&2
        exit 2
        ;;
    esac
done
names=""
for kind in ${kinds:-run test}; do
    [ -n "$print" ] || echo "to $kind:"
    while read -r group name reason; do
        [ "$group" = "$kind" ] || continue
        names="$names $name"
        [ -n "$print" ] || printf '  %-27s %s\n' "$name" "$reason"
    done <<LIST
$(packages)
LIST
done
if [ -n "$print" ]; then
    echo "${names# }"
    exit 0
fi

command -v apt-get >/dev/null || {
    echo "this system has no apt; install these packages with its package manager" >&2
    exit 1
}
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
    echo "sudo is not installed; fix: as root, apt-get install$names" >&2
    exit 1
fi
echo "\$ ${sudo:+sudo }apt-get install --no-install-recommends$names"
$sudo apt-get -qq update
# shellcheck disable=SC2086 # a list of names
exec $sudo apt-get install --no-install-recommends $yes $names
