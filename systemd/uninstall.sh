#!/bin/sh
# Remove the maskwatch service from this machine; settings, undelivered alerts and the user are kept and listed.
set -eu

fail() {
    echo "maskwatch: $1" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "removing a service needs root; fix: sudo make uninstall"
command -v systemctl >/dev/null || fail "this machine has no systemd, so there is no service to remove"

if [ -e /etc/systemd/system/maskwatch.service ]; then
    systemctl --quiet disable maskwatch.service || fail "the service could not be disabled"
    [ ! -d /run/systemd/system ] || systemctl stop maskwatch.service || fail "the service does not stop; see: systemctl status maskwatch"
fi
if [ -e /etc/systemd/system/maskwatch-once.timer ]; then
    systemctl --quiet disable maskwatch-once.timer || fail "the timer could not be disabled"
    [ ! -d /run/systemd/system ] || systemctl stop maskwatch-once.timer || fail "the timer does not stop"
fi
rm -f /etc/systemd/system/maskwatch-once.service /etc/systemd/system/maskwatch-once.timer
rm -f /etc/systemd/system/maskwatch.service /etc/sysusers.d/maskwatch.conf
# only the launcher of install.sh: another maskwatch there is kept
! grep -qs /opt/maskwatch /usr/local/bin/maskwatch || rm -f /usr/local/bin/maskwatch
rm -rf /opt/maskwatch /usr/local/share/doc/maskwatch
[ ! -d /run/systemd/system ] || systemctl daemon-reload

echo "The maskwatch service and its command have been removed. Kept, in case you install it again:"
delete=""
kept() { # PATH WHAT: list it if it exists
    [ -e "$1" ] || return 0
    printf '  %-40s %s\n' "$1" "$2"
    delete="${delete:-sudo rm -r} $1"
}
kept /etc/maskwatch "your settings and passwords"
kept /var/lib/maskwatch "undelivered alerts, the token of the web page"
kept /etc/systemd/system/maskwatch.service.d "your changes to the unit (systemctl edit)"
if getent passwd maskwatch >/dev/null; then
    echo "  the user and the group maskwatch"
    delete="${delete:+$delete; }sudo userdel maskwatch"
fi
echo "  its journal, and ~/.local/state/maskwatch of users who ran it manually"
[ -z "$delete" ] || echo "To delete these, too:  $delete"
