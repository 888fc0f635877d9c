"""What people see: the newest scene in shared memory, and the window, sign, terminal and web page that show it."""
