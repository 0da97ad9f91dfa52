import os


def read(job):
    assert os.environ["GRID_TOKEN"] == f"token-of-{job.tenant}", "a tenant sees its own secrets"
    print("calling with", os.environ["GRID_TOKEN"])
    yield [{"meter": n, "kwh": n * 1.5} for n in range(3)]


def write(batch, job):
    assert job.asset == f"meters_{job.tenant}"
    return 100
