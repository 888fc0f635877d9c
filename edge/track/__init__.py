"""Faces of single frames become persons, followed by boxes and motion only while they are in sight."""
