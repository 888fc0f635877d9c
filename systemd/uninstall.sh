#!/bin/sh
# Take the service maskwatch off this machine; settings and undelivered alerts stay.
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
rm -rf /opt/maskwatch /usr/local/share/doc/maskwatch
[ ! -d /run/systemd/system ] || systemctl daemon-reload

cat <<TEXT
The service maskwatch is gone. Kept, in case you install it again:
  /etc/maskwatch        your settings and the password file
  /var/lib/maskwatch    alerts that no broker has taken yet
  the user maskwatch
To be rid of these too:  sudo rm -r /etc/maskwatch /var/lib/maskwatch; sudo userdel maskwatch
TEXT
