#!/usr/bin/env bash
# The README's set-up, word for word, as a normal user of a bare Debian: `make run` to the first alert and a window, `make test`.
#   fresh.sh bookworm|trixie      as root, on a machine with debootstrap, Xvfb and xdotool (make setup-apt ARGS='test long')
# Bare systems are kept in $MASKWATCH_ROOTFS (else the user's cache); each run works on a copy, which is deleted at the end.
set -euo pipefail
suite=$1
clone=$(cd "$(dirname "$0")/../.." && pwd)
cache=${MASKWATCH_ROOTFS:-${XDG_CACHE_HOME:-$HOME/.cache}/maskwatch-tests}
say() { echo "fresh $suite: $*"; }

if [ -z "${FRESH_ROOT:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "a bare system can only be made by root; fix: sudo make test-fresh" >&2; exit 1; }
    for program in debootstrap Xvfb xdotool; do
        command -v "$program" >/dev/null || { echo "$program is not installed; fix: make setup-apt ARGS='test long'" >&2; exit 1; }
    done
    bare=$cache/bare-$suite
    mkdir -p "$cache"
    if [ ! -d "$bare" ]; then
        say "debootstrap"
        rm -rf "$bare.part"
        debootstrap --variant=minbase "$suite" "$bare.part" >"$bare.log" || { tail -5 "$bare.log"; exit 1; }
        mv "$bare.part" "$bare"
    fi
    FRESH_ROOT=$(mktemp -d "$cache/fresh-$suite.XXXX")
    trap 'rm -rf --one-file-system "$FRESH_ROOT"' EXIT
    cp -a "$bare/." "$FRESH_ROOT"
    # in namespaces of its own, mounts and processes end with it
    FRESH_ROOT=$FRESH_ROOT unshare --mount --pid --fork --kill-child --propagation=private "$0" "$suite"
    exit
fi
cd "$FRESH_ROOT"

# 1. What a user's machine has: an account with sudo, a network, trust, this repository's address
as_root() { chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
cp --remove-destination /etc/resolv.conf etc/resolv.conf
for kind in proc sysfs; do mount -t "$kind" "$kind" "${kind/sysfs/sys}"; done
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
as_root apt-get -qq update
as_root apt-get -qq install --yes --no-install-recommends sudo ca-certificates >/dev/null
as_root useradd --create-home --shell /bin/bash alice
echo "alice ALL=(ALL) NOPASSWD: ALL" >etc/sudoers.d/alice
echo 'APT::Get::Assume-Yes "true";' >etc/apt/apt.conf.d/enter # stands for the Enter of her who reads apt's list
echo 'Defaults env_keep += "DEBIAN_FRONTEND"' >etc/sudoers.d/env
trusted=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
cp "$trusted" usr/local/share/caller.pem
{
    echo "export DEBIAN_FRONTEND=noninteractive"
    for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS; do
        echo "export $name=/usr/local/share/caller.pem"
    done
    for name in PIP_INDEX_URL PIP_DEFAULT_TIMEOUT http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || echo "export $name=${!name@Q}"
    done
} >etc/profile.d/caller.sh
git -c safe.directory="$clone" clone --quiet --bare "$clone" srv/maskwatch.git
as_root chown -R alice /srv/maskwatch.git
printf '[url "/srv/maskwatch.git"]\n\tinsteadOf = URL-OF-THIS-REPOSITORY\n[advice]\n\tdetachedHead = false\n' >home/alice/.gitconfig

# 2. A display outside, met by its abstract socket, so that nothing but the README's packages is inside
exec 7<> <(:)
coproc Display { exec Xvfb -displayfd 1 -screen 0 1280x800x24; } 2>/dev/null
read -r number <&"${Display[0]}"
export DISPLAY=:$number

# Chromium's sandbox refuses a chroot: the copy becomes the true root
mount --rbind . . && mkdir -p mnt/old
as_alice() { chroot . su - alice -c "$1"; }

# 3. The README's lines
mapfile -t lines < <(sed -n '/^## Two commands/,/^## /{s/^    //p}' "$clone/README.md" | sed 's/  *# .*//')
[ "${#lines[@]}" -ge 5 ] || { say "the README's lines were not found"; exit 1; }
folder=.
for line in "${lines[@]}"; do
    say "\$ $line"
    case $line in
    "cd "*) folder=${line#cd } ;;
    "make run") first_alert ;;
    *) as_alice "cd $folder && $line" ;;
    esac
done
