"""The faces of single frames as people, tracked by boxes and motion while they are in sight."""
