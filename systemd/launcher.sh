#!/bin/sh
# The command of an installed service: /usr/local/bin/maskwatch, written by systemd/install.sh.
# Commands read the settings of the service. `run` is a manual trial: it opens a window if there is a display.
case ${1:-} in
run) ;;
*) export MASKWATCH_ENV="${MASKWATCH_ENV:-production}" ;;
esac
exec /opt/maskwatch/bin/maskwatch "$@"
