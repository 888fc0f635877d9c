"""What must hold before a release: one module for each step of `make release-check`."""
