from pathlib import Path


def limited(job):
    raise RuntimeError("the API said: Rate limit exceeded")
    yield []


def flaky(job):
    marker = Path(job.root) / "state" / "was_called"
    if not marker.exists():
        marker.parent.mkdir(exist_ok=True)
        marker.touch()
        raise ConnectionError("connection reset")
    yield [{"id": 1}]
