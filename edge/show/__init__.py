"""Who looks on: the newest scene in shared memory, and the window and the terminal that show it."""
