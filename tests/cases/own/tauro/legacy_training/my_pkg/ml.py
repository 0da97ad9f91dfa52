def load_history(*, start_date, end_date):
    assert (start_date, end_date) == ("2024-12-01", "2024-12-31")
    return [0, 1, 1]


def fit_classifier(history, *, start_date, end_date, ml_context=None):
    assert ml_context["model_version"] == "v1.0.0", ml_context
    assert ml_context["hyperparams"]["n_estimators"] == 100
    assert ml_context["metrics"][-1] == "f1_score"
    assert ml_context["mlops"]["backend"] == "databricks"
    return {"mean": sum(history) / len(history)}


def predict_scores(classifier, history, *, start_date, end_date):
    """Detected by its name, but takes no ml_context."""
    return [classifier["mean"] for _ in history]
