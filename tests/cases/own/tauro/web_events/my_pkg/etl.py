def extract_raw(*, start_date: str, end_date: str):
    assert (start_date, end_date) == ("2025-01-01", "2025-01-31"), (start_date, end_date)
    return [{"page": "/", "ms": 12}, {"page": "/cart", "ms": 30}]


def transform(*dfs, start_date: str, end_date: str):
    return [row for df in dfs for row in df]


def aggregate(events, *, start_date: str, end_date: str):
    assert len(events) == 2, events
    return {"events": len(events)}
