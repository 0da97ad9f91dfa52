import os


def train_model(training_df, *, start_date: str, end_date: str, ml_context=None):
    assert ml_context, "this node is one of machine learning"
    hyperparams = ml_context.get("hyperparams", {})
    wanted = float(os.environ.get("WANTED_RATE", "0.02"))
    assert hyperparams["learning_rate"] == wanted, hyperparams
    assert isinstance(hyperparams["learning_rate"], float), hyperparams
    assert hyperparams["max_depth"] == 8 and isinstance(hyperparams["max_depth"], int), hyperparams
    assert hyperparams["n_estimators"] == 200, hyperparams
    mlops = ml_context["mlops"]
    assert mlops["backend"] == "databricks", mlops
    assert mlops["experiment"]["description"] == "Customer churn prediction model", mlops
    assert "xgboost-hyperparameter-tuning" in (mlops.get("experiment_name"), mlops["experiment"].get("name")), mlops
    assert ml_context["model_version"] == os.environ.get("WANTED_VERSION", "unknown"), ml_context
    return {"trained_on": len(training_df)}


def evaluate(model, *, start_date: str, end_date: str, ml_context=None):
    assert model == {"trained_on": 10}
    return {"auc": 0.91}
