def main(config):
    return {}
