# run: set up and watch        test: set up and test       check: style and types      test-long: what takes minutes
# setup-apt: print and install the system packages that run and test use (ARGS=long: those of test-long; ARGS=release)
# test-runtimes: the models on the second TFLite runtime   test-arm64: and on a Pi's kernels, under qemu (Debian 12)
# arm64: the outputs on a Pi 4's and a Pi 5's kernels to the bit, and the instructions of the loop against their budget
# test-fresh: the README word for word on bare Debians, before a release (as root)
# release-check: what must hold before a release (ARGS='--only wheel,sbom': some of its steps)
# faults: the table of faults        soak, fuzz: hours and dice        mutate: are 9 mutants in 10 noticed?
# install, uninstall: the service (as root)                lock: its packages by version and hash
# models, detector: train the mask model or the small detector anew from PICTURES
# reference: write config/default.toml, docs/settings.md and docs/command-line.md from the code
# Options go into ARGS, since make takes those after a target for its own: make run ARGS='--source usb:0 --set mqtt.port=1884'

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# not quiet: a minute without output seems like a hang
PIP := $(BIN)/python -m pip install --disable-pip-version-check

OTHER := .venv-tflite

.PHONY: run test setup-apt check test-long test-runtimes test-arm64 arm64 test-fresh release-check faults soak fuzz mutate models detector reference lock install uninstall clean

run: $(VENV)/installed
	@echo "options go into ARGS, such as  make run ARGS='--source usb:0 --set mqtt.host=broker.example'"
	$(BIN)/maskwatch run $(ARGS)

test: $(VENV)/tested-with
	$(BIN)/python -m pytest -m "not long" --ignore tests/faults $(ARGS)

test-long: $(VENV)/tested-with
	$(BIN)/python -m pytest -m long $(ARGS)
	$(BIN)/python -m tests.faults.kills --rounds 1000

setup-apt:
	@./setup-apt.sh $(ARGS)

SUITES ?= bookworm trixie
test-fresh:
	for suite in $(SUITES); do tests/platform/fresh.sh $$suite || exit 1; done

test-runtimes: $(VENV)/tested-with $(OTHER)/installed
	MASKWATCH_OTHER_PYTHON=$(OTHER)/bin/python $(BIN)/python -m pytest -rs -m "not long" tests/platform/test_runtimes.py $(ARGS)

test-arm64: $(VENV)/tested-with build/arm64/python
	MASKWATCH_ARM64_PYTHON=build/arm64/python $(BIN)/python -m pytest -rs -k aarch64 tests/platform/test_runtimes.py $(ARGS)
	$(BIN)/python -m benchmarks.instructions --arm64 build/arm64

arm64: $(VENV)/tested-with build/arm64/python
	MASKWATCH_ARM64=build/arm64 $(BIN)/python -m pytest -rs tests/platform/test_outputs.py $(ARGS)
	$(BIN)/python -m benchmarks.loop_instructions build/arm64 --check

build/arm64/python:
	tests/platform/arm64.sh build/arm64

release-check: $(VENV)/tested-with
	$(BIN)/python -m tests.release $(ARGS)

faults: $(VENV)/tested-with
	$(BIN)/python -m tests.faults $(ARGS)

soak: $(VENV)/tested-with
	$(BIN)/python -m tests.soak $(ARGS)

fuzz: $(VENV)/tested-with
	$(BIN)/python -m tests.fuzz $(ARGS)

# 200 changes of the product, one at a time, of which the tests must notice 9 in 10; half an hour on two cores
mutate: $(VENV)/tested-with
	$(PIP) --editable '.[test,mutate]'
	$(BIN)/python -m tests.mutate $(ARGS)

check: $(VENV)/tested-with
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict edge

reference: $(VENV)/installed
	$(BIN)/python -m edge.reference

# PICTURES: the folder that holds the sources of models/train/sources.py; ARGS='--jobs 2' trains two networks at a time
models: $(VENV)/trained-with
	$(BIN)/python -m models.train.pipeline $(PICTURES) --work build/models $(ARGS)

# PICTURES: also with scenes_maskwearing_pd, crops_techyhoney and scenes_street_cc; ARGS='--steps 50' tries the steps out
detector: $(VENV)/trained-with
	$(BIN)/python -m models.train.face.pipeline $(PICTURES) --work build/detector $(ARGS)

$(VENV)/trained-with: $(VENV)/installed
	$(PIP) --editable '.[train]'
	@touch $@

# The service's packages by version and hash; ARGS=--upgrade: the newest that setup.py allows. A tool of its own.
LOCK := systemd/requirements.lock
LOCK_HEAD := \# Written by make lock from setup.py and requirements.in: change those. How it is used: systemd/NOTES.md
lock: | $(VENV)/bin/python
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --disable-pip-version-check 'uv>=0.5,<1'
	@touch $(LOCK)
	build/uv/bin/uv pip compile setup.py systemd/requirements.in --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file $(LOCK) $(ARGS)
	sed -i '1i $(LOCK_HEAD)' $(LOCK)

install:
	systemd/install.sh

uninstall:
	systemd/uninstall.sh

clean:
	rm -rf $(VENV) build *.egg-info

# System packages are seen, so that a Raspberry Pi's libcamera and picamera2 are.
$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "there is no $(PYTHON); fix: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "maskwatch needs Python 3.11 or later; this is $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python cannot make virtual environments; fix: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --system-site-packages $(VENV)

$(VENV)/installed: setup.py | $(VENV)/bin/python
	@echo "Setting up $(VENV): pip fetches about 150 MB; one to three minutes on a PC, more on a Pi ..."
	$(PIP) --editable .
	@$(BIN)/python -c 'import cv2' || \
		{ echo "a system library of OpenCV is missing; fix: sudo apt install $$(./setup-apt.sh --print run)"; exit 1; }
	@touch $@

$(VENV)/tested-with: $(VENV)/installed
	@echo "Adding what the tests use: pip fetches about 100 MB more ..."
	$(PIP) --editable '.[test]'
	@touch $@

# tflite-runtime has no wheel for Python 3.12 and later, and wants numpy 1; the package itself is found by its path.
$(OTHER)/installed: setup.py | $(VENV)/bin/python
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check \
		'tflite-runtime>=2.14,<2.15' 'numpy<2' 'opencv-python>=4.10,<4.12' 'pydantic>=2.7,<3' 'rich>=13.7,<16' 'pillow>=9.4,<13'
	@touch $@
