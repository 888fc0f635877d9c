"""What watches the watch: the health of the lens."""
