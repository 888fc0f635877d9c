#!/bin/sh
# Remove the service maskwatch from this machine; settings, undelivered alerts and the user stay, and are named.
set -eu

fail() {
    echo "maskwatch: $1" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "this needs root; mend: sudo make uninstall"
command -v systemctl >/dev/null || fail "this machine has no systemd, so there is no service to take away"

if [ -e /etc/systemd/system/maskwatch.service ]; then
    systemctl --quiet disable maskwatch.service || fail "the service could not be disabled"
    [ ! -d /run/systemd/system ] || systemctl stop maskwatch.service || fail "the service does not stop; see: systemctl status maskwatch"
fi
rm -f /etc/systemd/system/maskwatch.service /etc/sysusers.d/maskwatch.conf
# only the launcher of install.sh: a maskwatch that somebody else put there stays
! grep -qs /opt/maskwatch /usr/local/bin/maskwatch || rm -f /usr/local/bin/maskwatch
rm -rf /opt/maskwatch /usr/local/share/doc/maskwatch
[ ! -d /run/systemd/system ] || systemctl daemon-reload

echo "The service maskwatch and its command are removed. What stays, in case you install it again:"
delete=""
stays() { # PATH WHAT: name it where it is there
    [ -e "$1" ] || return 0
    printf '  %-40s %s\n' "$1" "$2"
    delete="${delete:-sudo rm -r} $1"
}
stays /etc/maskwatch "your settings, and the broker's password where you wrote one"
stays /var/lib/maskwatch "alerts on their way to the broker, the web page's token"
stays /etc/systemd/system/maskwatch.service.d "your changes of the unit (systemctl edit)"
if getent passwd maskwatch >/dev/null; then
    echo "  the user and the group maskwatch"
    delete="${delete:+$delete; }sudo userdel maskwatch"
fi
echo "  what the journal holds of it, and each user's own ~/.local/state/maskwatch of a run by hand"
[ -z "$delete" ] || echo "To delete these too:  $delete"
