"""systemd: timers that start the guard, and how they are written."""
