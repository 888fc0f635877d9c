#!/bin/sh
# Hook of a RAUC bundle whose image is a bundle of models; in the manifest:
#     [hooks]
#     filename=rauc-hook.sh
#     [image.models]
#     filename=7.maskwatch
#     hooks=install
# and on the device, in /etc/rauc/system.conf, a slot of the class models: RAUC writes nothing into it, the hook installs.
# The bundle becomes the challenger, which works in the shadow of the models in force: the gate needs what it shows there,
# so it is promoted later, by `maskwatch models promote`.
# Source: RAUC's reference, slot hooks.
set -eu

case $1 in
slot-install)
    maskwatch models install "$RAUC_IMAGE_NAME"
    systemctl try-restart maskwatch
    ;;
*)
    echo "rauc-hook.sh: $1: not a hook that it has" >&2
    exit 1
    ;;
esac
