#!/bin/sh
# maskwatch as it is installed with the service: /usr/local/bin/maskwatch, written by systemd/install.sh.
# Commands read the settings as the service does. `run` is a trial by hand: a window where there is a display.
case ${1:-} in
run) ;;
*) export MASKWATCH_ENV="${MASKWATCH_ENV:-production}" ;;
esac
exec /opt/maskwatch/bin/maskwatch "$@"
