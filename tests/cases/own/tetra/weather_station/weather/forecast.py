def main(config):
    assert config == {"horizon_hours": 48, "model": "icon-d2"}, config
