def join(batch, stream, *, start_date: str, end_date: str):
    assert [*batch, *stream] == [1, 2, 3, 4]
    return "unified"
