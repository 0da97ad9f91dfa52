def main(config):
    raise SystemExit(3)
