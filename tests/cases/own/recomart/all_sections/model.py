def train(config):
    assert config["svd"] == {"n_factors": 50, "n_epochs": 20, "learning_rate": 0.005, "regularization": 0.02}, config
    assert config["train_test_split"] == 0.8
    assert config["save_model"] is True
