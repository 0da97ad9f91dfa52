def extract_shipments(*dfs, start_date: str, end_date: str):
    assert isinstance(start_date, str) and start_date == "2025-03-01", start_date
    assert isinstance(end_date, str) and end_date == "2025-03-31", end_date
    return ["s1", "s2"]


def extract_carriers(*dfs, start_date: str, end_date: str):
    return ["c1"]


def extract_rates(*dfs, start_date: str, end_date: str):
    return ["r1", "r2", "r3"]
