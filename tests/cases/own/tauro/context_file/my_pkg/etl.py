def admissions(*dfs, start_date, end_date, ml_context=None):
    assert ml_context is None
    return {"A": 3}


def wards(*dfs, start_date, end_date, ml_context=None):
    return {"A": 10}


def occupancy(admissions, wards, *, start_date, end_date):
    return {ward: admissions[ward] / beds for ward, beds in wards.items()}
