def read_sensors(*, start_date: str, end_date: str):
    return [20.5, 21.5]


def hourly_means(sensors, *, start_date: str, end_date: str):
    return sum(sensors) / len(sensors)


def ingest(*, start_date: str, end_date: str):
    return iter(())


def alarms(*, start_date: str, end_date: str):
    return iter([{"alarm": 1}])


def report(sensors, alarms, *, start_date: str, end_date: str):
    assert sensors == [20.5, 21.5]
    return len(list(alarms))
