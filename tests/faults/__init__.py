"""The faults that maskwatch survives, each injected for real; `python -m tests.faults` prints the table."""
