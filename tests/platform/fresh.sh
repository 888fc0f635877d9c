#!/usr/bin/env bash
# The README's set-up, word for word, as a normal user of a bare Debian: `make run` to the first alert and a window, `make test`.
#   fresh.sh bookworm|trixie      as root, on a machine with debootstrap, Xvfb and xdotool (make setup-apt ARGS='test long')
# Bare systems are kept in $MASKWATCH_ROOTFS (else the user's cache); each run works on a copy, which is deleted at the end.
set -euo pipefail
suite=$1
clone=$(cd "$(dirname "$0")/../.." && pwd)
cache=${MASKWATCH_ROOTFS:-${XDG_CACHE_HOME:-$HOME/.cache}/maskwatch-tests}
log() { echo "fresh $suite: $*"; }

if [ -z "${FRESH_ROOT:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "a bare system can only be made by root; fix: sudo make test-fresh" >&2; exit 1; }
    for program in debootstrap Xvfb xdotool; do
        command -v "$program" >/dev/null || { echo "$program is not installed; fix: make setup-apt ARGS='test long'" >&2; exit 1; }
    done
    bare=$cache/bare-$suite
    mkdir -p "$cache"
    if [ ! -d "$bare" ]; then
        log "debootstrap"
        rm -rf "$bare.part"
        debootstrap --variant=minbase "$suite" "$bare.part" >"$bare.log" || { tail -5 "$bare.log"; exit 1; }
        mv "$bare.part" "$bare"
    fi
    FRESH_ROOT=$(mktemp -d "$cache/fresh-$suite.XXXX")
    trap 'rm -rf --one-file-system "$FRESH_ROOT"' EXIT
    cp -a "$bare/." "$FRESH_ROOT"
    # in namespaces of its own, mounts and processes end with it
    FRESH_ROOT=$FRESH_ROOT unshare --mount --mount-proc --pid --fork --kill-child --propagation=private "$0" "$suite"
    exit
fi
mount --bind "$FRESH_ROOT" "$FRESH_ROOT"
cd "$FRESH_ROOT"

# 1. What a user's machine has: an account with sudo, a network, trust, this repository's address
as_root() { chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
cp --remove-destination /etc/resolv.conf etc/resolv.conf
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(uname -n)" >etc/hosts
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
as_root apt-get -qq update
as_root apt-get -qq install --yes --no-install-recommends sudo ca-certificates >/dev/null 2>&1
as_root useradd --create-home --shell /bin/bash alice
printf 'alice ALL=(ALL) NOPASSWD: ALL\nDefaults env_keep += "DEBIAN_FRONTEND"\n' >etc/sudoers.d/alice
echo 'APT::Get::Assume-Yes "true";' >etc/apt/apt.conf.d/90enter # in place of the Enter after apt's list
cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" usr/local/share/caller.pem
{
    echo "export DEBIAN_FRONTEND=noninteractive"
    for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS; do
        echo "export $name=/usr/local/share/caller.pem"
    done
    for name in PIP_INDEX_URL PIP_DEFAULT_TIMEOUT http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || echo "export $name=${!name@Q}"
    done
} >etc/profile.d/caller.sh
# git takes it for the address: the README's word stands where a user writes the real one
git -c safe.directory='*' clone --quiet --bare "$clone" home/alice/URL-OF-THIS-REPOSITORY
as_root chown -R alice:alice /home/alice/URL-OF-THIS-REPOSITORY

# 2. A display outside, met by its abstract socket: inside are the README's packages alone
mkfifo "$FRESH_ROOT.display"
Xvfb -displayfd 8 -screen 0 1280x800x24 8>"$FRESH_ROOT.display" 2>/dev/null &
read -r DISPLAY <"$FRESH_ROOT.display"
rm "$FRESH_ROOT.display"
export DISPLAY=:$DISPLAY

as_alice() { # a true root, since Chromium's sandbox works in no chroot; Ctrl-C as from a terminal; PATH from /etc/profile
    setsid --wait env --default-signal=INT unshare --mount --propagation=private sh -ec '
        pivot_root . mnt && umount -l /mnt && cd /home/alice
        exec setpriv --reuid=alice --regid=alice --init-groups \
            env -i HOME=/home/alice USER=alice TERM=xterm DISPLAY="$0" nice bash -lc "$1"' "$DISPLAY" "$1"
}

first_alert() { # make run until it has printed an alert and shown a window, then Ctrl-C
    local log=$FRESH_ROOT/run.log run group
    as_alice "cd $folder && $line" >"$log" 2>&1 &
    run=$!
    for ((second = 0; second < 900; second++)); do
        sleep 1
        kill -0 "$run" 2>/dev/null || break
        grep -q "episode start" "$log" && xdotool search --name '^maskwatch$' >/dev/null 2>&1 && break
    done
    cat "$log"
    kill -0 "$run" 2>/dev/null || { log "make run has ended"; return 1; }
    grep -q "episode start" "$log" || { log "no alert"; return 1; }
    xdotool search --name '^maskwatch$' >/dev/null || { log "no window"; return 1; }
    log "the first alert and the window came after $second s; Ctrl-C"
    group=$(pgrep -P "$run" -o)
    kill -INT -- "-$group"
    wait "$run" || true
    ! grep -q Traceback "$log" || { log "a traceback"; return 1; }
}

# 3. The README's lines
mapfile -t lines < <(sed -n '/^## Two commands/,/^`URL-/s/^    //p' "$clone/README.md" | sed 's/  *# .*//')
[ "${#lines[@]}" -ge 5 ] || { log "the README's lines were not found"; exit 1; }
folder=.
for line in "${lines[@]}"; do
    log "\$ $line"
    case $line in
    "cd "*) folder=${line#cd } ;;
    "make run") first_alert ;;
    *) as_alice "cd $folder && $line" ;;
    esac
done
log "done"
