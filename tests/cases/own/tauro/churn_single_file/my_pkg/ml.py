def prepare_features(*dfs, start_date: str, end_date: str):
    assert dfs == (), dfs
    return ["tenure", "plan"]


def train_model(features, *, start_date: str, end_date: str, ml_context=None):
    hyperparams = ml_context["hyperparams"]
    assert hyperparams == {"learning_rate": 0.05, "max_depth": 6, "n_estimators": 100}, hyperparams
    assert ml_context["model_version"] == "v1.0.0"
    return "model"


def evaluate_model(model, *, start_date: str, end_date: str, ml_context=None):
    assert model == "model"
    return {"auc": 0.9}
