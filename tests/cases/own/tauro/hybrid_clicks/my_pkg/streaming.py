from pathlib import Path


def stream_kafka(*, start_date: str, end_date: str):
    assert Path("batch_is_done").exists(), "the batch nodes come first"
    return iter([3, 4])
