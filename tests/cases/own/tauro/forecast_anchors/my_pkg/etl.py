def load(*, start_date: str, end_date: str):
    return [start_date, end_date]


def features(north, south, west, *, start_date: str, end_date: str):
    return north + south + west


def count(*regions, start_date: str, end_date: str):
    assert len(regions) == 3, regions
    return sum(map(len, regions))
