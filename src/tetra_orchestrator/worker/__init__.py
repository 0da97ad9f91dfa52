"""What runs in the tasks' own interpreter: functions, sessions and registered task types."""

#: The script that starts every worker process.
START = f"{__path__[0]}/start.py"
#: The keys of an output that only describes an object, which stays in its session's worker.
KEPT = {"type", "repr", "session"}
