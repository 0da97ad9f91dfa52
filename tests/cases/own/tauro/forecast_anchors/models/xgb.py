def train_xgboost(features, *, start_date: str, end_date: str, ml_context=None):
    assert ml_context is not None
    lr = ml_context.get("hyperparams", {}).get("learning_rate", 0.01)
    assert lr == 0.01
    assert ml_context.get("model_version", "unknown") == "unknown"
    return len(features)


def rank(model, *, start_date: str, end_date: str, ml_context=None):
    assert ml_context is not None
    assert model == 6
    return ["store 1"]
