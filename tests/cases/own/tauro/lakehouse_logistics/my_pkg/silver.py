def clean(raw, *, start_date: str, end_date: str):
    return [row.upper() for row in raw]


def join(shipments, carriers, rates, *, start_date: str, end_date: str):
    assert (shipments, carriers, rates) == (["S1", "S2"], ["C1"], ["r1", "r2", "r3"])
    return [(s, c) for s in shipments for c in carriers]
