"""The device itself: its settings file, its first ten minutes, and what ails it."""
