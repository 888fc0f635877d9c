#!/bin/sh
# The command of an installed service: /usr/local/bin/maskwatch, written by systemd/install.sh.
# Commands read the settings of the service, in its environment. `run` is a manual trial: it opens a window if there is a
# display.
case ${1:-} in
run) ;;
*)
    named=$(sed -n 's/^MASKWATCH_ENV=//p' /etc/maskwatch/environment 2>/dev/null)
    export MASKWATCH_ENV="${MASKWATCH_ENV:-${named:-production}}"
    ;;
esac
exec /opt/maskwatch/bin/maskwatch "$@"
