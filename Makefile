# run: set up and watch        test: set up and test       check: style and types      test-long: what takes minutes
# install, uninstall: the service (as root)                models: train from PICTURES, a folder of pictures

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check test-long install uninstall models clean

run: $(VENV)/installed
	$(BIN)/maskwatch run $(ARGS)

test: $(VENV)/tested-with
	$(BIN)/python -m pytest -m "not long" $(ARGS)

test-long: $(VENV)/tested-with
	$(BIN)/python -m pytest -m long $(ARGS)

check: $(VENV)/tested-with
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict edge

install:
	systemd/install.sh

uninstall:
	systemd/uninstall.sh

clean:
	rm -rf $(VENV) build *.egg-info

# System packages are seen, so that a Raspberry Pi's libcamera and picamera2 are.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "maskwatch needs Python 3.11 or later; this is $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python cannot make virtual environments; mend: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --system-site-packages $(VENV)

$(VENV)/installed: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/python -c 'import cv2' || \
		{ echo "a system library of OpenCV is missing; mend: sudo apt install libgl1 libglib2.0-0"; exit 1; }
	@touch $@

$(VENV)/tested-with: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	tests/needs.sh
	@touch $@
