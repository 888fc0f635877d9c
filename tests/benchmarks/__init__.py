"""Benchmarks that need the real parts of tests.support."""
