"""Diagnostics: what is missing or wrong on this machine, and the command that fixes it."""
