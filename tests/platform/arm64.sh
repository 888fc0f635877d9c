#!/usr/bin/env bash
# A Python 3.11 for arm64 with the real aarch64 wheels, to run here under qemu-user: for what the models answer on a Raspberry Pi's own
# kernels (`make test-arm64`) and for counting instructions (benchmarks/instructions.py). Never for times.
#   arm64.sh FOLDER      on Debian 12 (its python3.11); wants qemu-user and gcc
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
command -v qemu-aarch64 >/dev/null || { echo "qemu-aarch64 is missing; fix: sudo apt install qemu-user gcc" >&2; exit 1; }
mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,debs,rootfs,site/.whl}
touch "$dir/state/status"
cat > "$dir/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "$dir/state";
Dir::State::status "$dir/state/status";
Dir::Cache "$dir/cache";
CONF
apt-get -qq -c "$dir/apt.conf" update
(cd "$dir/debs" && apt-get -qq -c "$dir/apt.conf" download libc6 libgcc-s1 gcc-12-base libstdc++6 zlib1g libffi8 libssl3 libexpat1 \
    libbz2-1.0 liblzma5 libuuid1 libpython3.11-minimal libpython3.11-stdlib python3.11-minimal)
for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$dir/rootfs"; done
# XNNPACK reads the processor from these and crashes without them: a Cortex-A72, that of a Raspberry Pi 4
mkdir -p "$dir/rootfs/proc" "$dir/rootfs/sys/devices/system/cpu"
for n in 0 1; do
    printf 'processor\t: %s\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n' $n
    printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
done > "$dir/rootfs/proc/cpuinfo"
for file in possible present online; do echo 0-1 > "$dir/rootfs/sys/devices/system/cpu/$file"; done
platforms=(--platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64)
fetch() { python3 -m pip download -q --disable-pip-version-check --only-binary=:all: --python-version 3.11 --implementation cp "${platforms[@]}" -d "$dir/site/.whl" "$@"; }
fetch --no-deps 'numpy>=2,<2.3' 'opencv-python-headless>=4.10,<4.13' 'ai-edge-litert>=2.0,<3' flatbuffers 'pillow>=9.4,<13'
fetch 'pydantic>=2.7,<3' 'rich>=13.7,<16' 'cryptography>=42,<50'
for wheel in "$dir"/site/.whl/*.whl; do python3 -m zipfile -e "$wheel" "$dir/site"; done
gcc -shared -fPIC -O2 -o "$dir/count.so" "$here/benchmarks/instructions.c"
# the same root with the processor of a Raspberry Pi 5, which has other kernels: a Cortex-A76
mkdir -p "$dir/rootfs-a76/proc"
for part in "$dir"/rootfs/*; do [ "${part##*/}" = proc ] || ln -sfn "$part" "$dir/rootfs-a76/${part##*/}"; done
sed -e 's/0xd08/0xd0b/' -e 's/cpuid/cpuid atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp/' "$dir/rootfs/proc/cpuinfo" >"$dir/rootfs-a76/proc/cpuinfo"
run() {
    cat > "$dir/$1" <<RUN
#!/bin/sh
exec qemu-aarch64 -cpu $2 -L "$dir/$3" \${COUNT:+-plugin "$dir/count.so"} -E PYTHONPATH="$dir/site:$here" \\
    "$dir/$3/usr/bin/python3.11" "\$@"
RUN
    chmod +x "$dir/$1"
}
run python cortex-a72 rootfs
run python-a76 cortex-a76 rootfs-a76
