from pathlib import Path


def extract(*, start_date: str, end_date: str):
    return [1, 2, 2]


def dedupe(events, *, start_date: str, end_date: str):
    Path("batch_is_done").touch()
    return sorted(set(events))
