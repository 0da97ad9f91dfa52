"""Machine learning in a tauro configuration: which nodes are of that kind, and what holds for them in the end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NODE_PATTERNS = (
    "train.*", ".*train.*", "fit.*", "predict.*", ".*predict.*", "inference.*", "ml.*", ".*ml.*", "model.*",
)  # fmt: skip
FUNCTION_PATTERNS = ("train_model", "fit_.*", "train_.*", "predict_.*", "inference_.*")
DATA_PATTERNS = (r".*\.pkl$", r".*\.joblib$", r".*\.h5$", r".*\.pt$", r".*\.pth$", r".*\.onnx$")

DEFAULTS: dict[str, Any] = {"enabled": True, "backend": "local", "path": "./mlops_data", "auto_log": True}
BACKENDS = ("local", "databricks")
VARIABLES = {
    "TAURO_MLOPS_BACKEND": "backend",
    "TAURO_MLOPS_PATH": "path",
    "TAURO_MLOPS_CATALOG": "catalog",
    "TAURO_MLOPS_SCHEMA": "schema",
}
AUTO_INIT = "TAURO_MLOPS_AUTO_INIT"


def detect(name: str, function: str = "", data_sets: Iterable[str] = ()) -> str | None:
    """Why a node looks like machine learning, or None. The patterns are generous: `html_export` is one, too."""
    last = function.rpartition(".")[2]
    if _matches(name, NODE_PATTERNS):
        return f"name {name}"
    if _matches(last, FUNCTION_PATTERNS):
        return f"function {last}"
    found = next((each for each in data_sets if _matches(each, DATA_PATTERNS)), None)
    return found and f"data set {found}"


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(re.match(pattern, text) for pattern in patterns)


def is_enabled(own: bool | None, above: Iterable[bool | None], *, looks_like: bool, automatic: bool = True) -> bool:
    """Whether a node is one of machine learning: as it says itself, else as the level above it says, if it looks so.

    `above` is what the levels above the node say about `mlops.enabled`, the most general first; where none says
    anything, `automatic` decides.
    """
    if own is not None:
        return own
    said = [each for each in above if each is not None]
    return looks_like and (said[-1] if said else automatic)


def effective_mlops(levels: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What the `mlops` mappings of all levels come to, the most general first, over the defaults."""
    settings = DEFAULTS
    for level in levels:
        settings = merged(settings, canonical(level))
    return settings


def canonical(mlops: Mapping[str, Any]) -> dict[str, Any]:
    """An `mlops` mapping without its short forms: `experiment_name`, and `catalog` and `schema` for two places each."""
    settings = {key: dict(item) if isinstance(item, dict) else item for key, item in mlops.items()}
    if "experiment_name" in settings:
        settings.setdefault("experiment", {})["name"] = settings.pop("experiment_name")
    for key in ("catalog", "schema"):
        if key in settings:
            short = settings.pop(key)
            for place in ("model_registry", "tracking"):
                settings.setdefault(place, {}).setdefault(key, short)
    return settings


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, mappings within them likewise; both stay as they are."""
    result = dict(base)
    for key, item in over.items():
        known = result.get(key)
        result[key] = merged(known, item) if isinstance(known, dict) and isinstance(item, dict) else item
    return result


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The `mlops` mapping that the environment variables make; an empty one counts as not set."""
    return {key: environ[name] for name, key in VARIABLES.items() if environ.get(name)}
