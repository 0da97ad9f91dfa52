"""The JSON Schema and the checks accept and refuse the same documents.

The checks see a file as it is spelt. The JSON Schema sees what a YAML 1.2 parser with the core schema, as editors have,
makes of it.
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from config.every_key import TEXT
from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.interpolate import interpolate
from tetra_orchestrator.config.json_schema import json_schema
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.schema import Document
from tetra_orchestrator.config.values import OR_VARIABLE
from tetra_orchestrator.config.yaml_tree import parse
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.configs import Folder

SCHEMA = json.loads(json_schema())
ENVIRON = {"API_KEY": "k", "DB_PASSWORD": "p"}
SHAPES = {"": SCHEMA, **SCHEMA["$defs"]}
LEAST = {"version": 1, "project": "p", "pipelines": {"a": {"shell": "true"}}}

#: What only the checks refuse, by their words, because JSON Schema cannot say it.
ONLY_CHECKED = {
    r"is not a regular expression": "it knows the regular expressions of JavaScript, ours are Python's",
    r"is not a name: '-?[0-9]+\.0+'": "to it a number without a fraction is an integer, however it is spelled",
    r"holds a NUL character": "its patterns would have to exclude it in every text",
    r"must be more than 0: '[0-9.]+ ?[kKMGT]": "a fraction of a unit that makes less than a byte is arithmetic",
    r"must be at most 1\.04858e\+06: '[0-9.]+ ?[kKMGTB]?": "the same of a size with a unit that is too large",
}
#: What a YAML parser makes of a spelling is not what was written: (the key, the spelling, accepted by the checks).
ONLY_SPELT = [
    ("host: {gpu: %s}", "True", False),
    ("host: {gpu: %s}", "012", False),
    ("host: {gpu: %s}", "0x10", False),
    ("host: {gpu: %s}", "+1", False),
    ("host: {gpu: %s}", "1.0", False),
    ("host: {gpu: %s}", "1e2", False),
    ("host: {cpu: %s}", ".5", False),
    ("host: {cpu: %s}", "0.1234567890123456", False),
    ("logs: {redact: %s}", "True", False),
    ("monitor: {interval: %s}", "1e2", False),
    ("title: %s", "Null", True),
]


class _Core(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2 with its core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        """With keys as text, which editors take them for."""
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


_Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), None)
_Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:[Tt]rue|TRUE|[Ff]alse|FALSE)$"), None)
_Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), None)
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), None
)
_Core.add_constructor("tag:yaml.org,2002:bool", lambda loader, node: node.value.lower() == "true")
_Core.add_constructor(
    "tag:yaml.org,2002:int",
    lambda loader, node: int(node.value, 10 if not node.value.startswith(("0o", "0x")) else 0),
)
_Core.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def as_python(schema: Any) -> Any:
    """The schema with `$` as JavaScript has it: Python's lets a line break follow."""
    if isinstance(schema, list):
        return [as_python(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shape = {key: as_python(value) for key, value in schema.items()}
    if isinstance(shape.get("pattern"), str):
        shape["pattern"] = _python_pattern(shape["pattern"])
    if "patternProperties" in shape:
        shape["patternProperties"] = {_python_pattern(key): value for key, value in shape["patternProperties"].items()}
    return shape


def _python_pattern(pattern: str) -> str:
    return re.sub(r"(?<!\\)\$", r"\\Z", pattern)


VALIDATOR = Draft202012Validator(as_python(SCHEMA))


def complaints(text: str) -> list[str]:
    """What the checks of the shape say."""
    problems = Problems("f.yaml")
    tree = parse(text.encode(), "f.yaml", problems)
    assert tree is not None
    check_shape(interpolate(tree, ENVIRON, Problems("f.yaml")), problems, Document)
    try:
        problems.raise_any()
    except ConfigError as error:
        return [problem.message for problem in error.problems]
    return []


def disagreement(text: str) -> str | None:
    """What one of the two says and the other does not."""
    found = complaints(text)
    data = yaml.load(text, _Core)
    if VALIDATOR.is_valid(data) == (not found):
        return None
    if not found:
        error = next(VALIDATOR.iter_errors(data))
        return f"only the schema refuses {error.json_path}: {error.message}\n{text}"
    if "${" in text or all(any(re.search(words, message) for words in ONLY_CHECKED) for message in found):
        return None
    return f"only the checks say {found}\n{text}"


def dumped(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def _full() -> dict[str, Any]:
    """Every key, and those of tasks also in pipelines and the other way round."""
    document: dict[str, Any] = yaml.load(TEXT, _Core)
    pipelines = document["pipelines"]
    tasks = pipelines["report"]["tasks"]
    known = SCHEMA["$defs"]["Task"]["properties"]
    pipelines["report"]["tasks"] = tasks | {
        name: {key: value for key, value in pipeline.items() if key in known} for name, pipeline in pipelines.items()
    }
    document["pipelines"] = copy.deepcopy(tasks | pipelines)
    return document


FULL = _full()
PROBES: list[Any] = [
    *({}, {"unknown": 1}, {"a": "b"}, {"a": 1, "b": 2}, {"not a name": 1}, {"": "a"}, {"a": "finished"}, {"a": ["b"]}),
    *([], [1], ["a", "b"], ["two words"], [" "], [{}], [["a"]], [{"a": "finished"}], [{"a": ["b"]}], [None], [-1, 256]),
    *("", " ", "text", "two words", "-dash", "9x", "a.b", "a" * 100, "a" * 101, "é", "UPPER", "a\n", "{params.days}"),
    *("0", "5", "0.5", "-1", "90s", "1h30m", "1.5h", "30m1h", "0s", "0h0m", "5 m", "h", "1h30", "1234567890s"),
    *("8GB", "1.5 GiB", "0KB", "0.5B", "1B", "0.0000001K", "2MB", "9XB", "GB", "1 000"),
    *("skip", "Skip", "latest", "int", "base", "stopped", "true", "no", "(", "[0-9]+", "nul\0"),
    *(True, False, None, 0, 1, 2, -1, 0.5, 1.5, -0.5, 255, 256, 65535, 65536, 1048576, 1048577, 999999999, 10**9),
    *(10**15 - 1, 10**15, -(10**14) + 1, -(10**14)),
    *("${N:-3}", "${N:-text}", "${N:-skip}", "${N:-true}", "${N:-5m}", "x${N:-3}"),
]
KEYS = ("unknown", "not a name", "", "9x", "${N:-a}", "a" * 101, "A-b_9")
#: Without these a mapping is refused whatever else it holds, or another key of it is read differently.
KEPT = ("name", "condition", "pipelines", "type", "default", "size", "cron", "length", "from", "to")
KEPT += ("file", "sql", "url", "http", "use", "module", "command", "shell")


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value, the whole first."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        data = data[part]
    return data


def with_only(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The smallest document with a value at a path of the full one."""
    branch = value
    for depth in range(len(path) - 1, 0, -1):
        around = at(FULL, path[:depth])
        if isinstance(around, list):
            branch = [branch]
        else:
            branch = {**{key: around[key] for key in KEPT if key in around}, path[depth]: branch}
    return {**LEAST, path[0]: branch} if path else value


PLACES = list(places(FULL))
SECTIONS = sorted({path[0] for path in PLACES if path})


def within(section: str) -> list[tuple[Any, ...]]:
    return [path for path in PLACES if path[:1] == (section,)]


def disagreements(documents: Iterator[Any]) -> list[str]:
    texts = dict.fromkeys(dumped(document).replace("\\u0000", "\\0") for document in documents)
    return [found for text in texts if (found := disagreement(text))]


def test_the_full_document_is_valid_and_uses_every_key(folder: Folder) -> None:
    folder.write("pipelines: {other: {shell: 'true'}}", "more/other.yaml")
    folder.write("k", "keys/api")
    folder.load(TEXT)
    assert VALIDATOR.is_valid(FULL)
    used: set[tuple[str, str]] = set()
    collect(SCHEMA, FULL, "", used)
    assert {(name, key) for name, shape in SHAPES.items() for key in shape["properties"]} == used


def collect(schema: dict[str, Any], value: Any, name: str, used: set[tuple[str, str]]) -> None:
    """Add the keys that a value has to `used`, each with the name of its mapping in the schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = SCHEMA["$defs"][name]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        used |= {(name, key) for key in value if key in known}
        (other, *_) = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        for key, item in value.items():
            shape = known.get(key, other)
            if isinstance(shape, dict):
                collect(shape, item, name, used)
    for item in value if isinstance(value, list) else ():
        collect(schema.get("items", {}), item, name, used)
    for choice in schema.get("anyOf", ()) if "properties" not in schema else ():
        collect(choice, value, name, used)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.long)])
def test_any_value_in_any_place_is_accepted_by_both_or_by_neither(section: str, step: int) -> None:
    """Every other value, which are others in the next place, or all."""
    for path in within(section):
        assert not complaints(dumped(with_only(path, at(FULL, path)))), path
    places = enumerate(within(section))
    found = disagreements(with_only(path, probe) for number, path in places for probe in PROBES[number % step :: step])
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_a_further_key_anywhere_is_accepted_by_both_or_by_neither(section: str) -> None:
    mappings = [path for path in (within(section) if section else [()]) if isinstance(at(FULL, path), dict)]
    grown = (
        with_only(path, {**at(FULL, path), key: value})
        for path in mappings
        for key in KEYS
        for value in (1, *list(at(FULL, path).values())[:1])
    )
    found = disagreements(grown)
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_a_missing_key_anywhere_is_accepted_by_both_or_by_neither(section: str) -> None:
    mappings = [path for path in (within(section) if section else [()]) if isinstance(at(FULL, path), dict)]
    fewer = (
        with_only(path, {other: value for other, value in at(FULL, path).items() if other != key})
        for path in mappings
        for key in at(FULL, path)
    )
    found = disagreements(fewer)
    assert not found, "\n".join(found[:20])


def test_a_key_that_nothing_knows_is_refused_by_both_at_every_level() -> None:
    for name, shape in SHAPES.items():
        assert shape["additionalProperties"] is False, name
    for path in PLACES:
        value = at(FULL, path)
        if isinstance(value, dict) and not _takes_any_key(path):
            document = with_only(path, {**value, "not a name": next(iter(value.values()))})
            assert complaints(dumped(document)), path
            assert not VALIDATOR.is_valid(document), path


def _takes_any_key(path: tuple[Any, ...]) -> bool:
    """Of what is the user's own, any text may be a key, and of references, which are checked against what there is."""
    return bool({"config", "tags", "run_if", "plugins", "depends_on"} & set(path)) or path[:1] == ("modes",)


@pytest.mark.parametrize(
    "text",
    [
        "pipelines: {a: {shell: x, pool: one}}",
        "pipelines: {a: {shell: x, pool: [one, two]}}",
        "pipelines: {a: {shell: x, pool: {one: 2}}}",
        "pipelines: {a: {shell: x, pool: 2024}}",
        "pipelines: {a: {shell: x, depends_on: [b, c: finished, {d: ready}, {e: succeeded}]}}",
        "pipelines: {a: {shell: x, retry: {on_output: once}}}",
        "pipelines: {a: {shell: x, retry: {on_output: [once, twice]}}}",
        "pipelines: {a: {shell: x, timeout: 90}, b: {shell: x, timeout: 1.5}, c: {shell: x, timeout: '90'}}",
        "pipelines: {a: {shell: x, env: {A: 1.10, B: true, C: no, D: 012, E: 12:30, F: 0x10}}}",
        "pipelines: {a: {command: [x, 5, 1.50, true], cwd: 7, priority: -3}}",
        "pipelines: {a: {type: t, config: {}}, b: {type: t, config: {x: [null, ~, {y: 012}]}}}",
        "pipelines: {a: {shell: x, priority: '${N:-3}', enabled: '${N:-true}', timeout: '${N:-5m}', cwd: '${N:-t}'}}",
        "pipelines: {a: {shell: x, on_lost: '${N:-fail}', retry: {max_attempts: '${N:-3}'}, session: '${N:-t}'}}",
        "pipelines: {2024: {shell: x}, true: {shell: x}}",
        "modes: {m: [a, {b: [--x, 5]}, {c: {t: [--y]}}, {d: []}]}",
        "modes: {m: {pipelines: [a]}}",
        "params: {a: 5, b: 0.5, c: true, d: text, e: '5', f: 012}",
        "params: {a: {type: int, default: '5'}, b: {default: x}, c: {type: bool}, d: {type: float, default: 5}}",
        "schedules: {s: {mode: m, every: 6h, catch_up: none}, t: {mode: m, cron: '@daily', catch_up: {policy: all}}}",
        "plugins: [a.b, {t: 'c:D'}]",
        "host: {memory: 1.5, cpu: 1}\nlogs: {redact: false, keep: {bytes: 1024}}",
    ],
)
def test_every_short_form_is_accepted_by_both(text: str) -> None:
    rest = {key: value for key, value in LEAST.items() if not text.startswith(key)}
    whole = text + "\n" + yaml.safe_dump(rest)
    assert complaints(whole) == []
    assert [error.message for error in VALIDATOR.iter_errors(yaml.load(whole, _Core))] == []


@pytest.mark.parametrize(("where", "spelling", "accepted"), ONLY_SPELT)
def test_what_a_yaml_parser_hides_is_known(where: str, spelling: str, accepted: bool) -> None:
    text = where % spelling + "\n" + yaml.safe_dump(LEAST)
    assert (not complaints(text)) == accepted


@pytest.mark.parametrize("words", ONLY_CHECKED)
def test_what_json_schema_cannot_say_is_all_still_needed(words: str) -> None:
    server = {"ready_when": "(", "cwd": "nul\0", "output_limit": "2MB", "resources": {"memory": "0.0000001K"}}
    examples = {("project",): 0.0, **{("pipelines", "server", key): value for key, value in server.items()}}
    found = []
    for path, value in examples.items():
        document = with_only(path, value)
        assert VALIDATOR.is_valid(document)
        found += complaints(dumped(document).replace("\\u0000", "\\0"))
    assert sum(re.search(words, message) is not None for message in found) == 1


VARIABLE = OR_VARIABLE[1:]
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.decimals(-100, 100, places=2).map(float) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a part of the schema accepts, but for what patterns leave to the checks."""
    if "$ref" in schema:
        return st.deferred(lambda: fitting(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "properties" in schema:
        return _mapping(schema["properties"], schema.get("required", []))
    if "anyOf" in schema:
        return st.one_of([fitting(choice) for choice in schema["anyOf"] if choice.get("pattern") != VARIABLE])
    types = schema.get("type", [])
    kinds = {
        "array": lambda: st.lists(fitting(schema.get("items", {})), min_size=schema.get("minItems", 0), max_size=3),
        "object": lambda: _named(schema),
        "boolean": st.booleans,
        "integer": lambda: st.integers(schema.get("minimum", -9), min(schema.get("maximum", 99), 99)),
        "number": lambda: st.decimals(max(schema.get("minimum", 1), 0), 99, places=3).map(float),
        "string": lambda: _texts(schema.get("pattern", "").removesuffix(OR_VARIABLE), types),
    }
    return st.one_of([kinds[kind]() for kind in ([types] if isinstance(types, str) else types)] or [ANYTHING])


def _texts(pattern: str, types: list[str] | None = None) -> st.SearchStrategy[str]:
    if pattern == VARIABLE:
        return st.just("${N:-true}" if "boolean" in (types or ()) else "${N:-1}")
    return st.from_regex(_python_pattern(pattern), fullmatch=True) if "^" in pattern else TEXTS


def _named(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    ((pattern, shape),) = schema.get("patternProperties", {"": schema.get("additionalProperties", True)}).items()
    values = fitting(shape) if isinstance(shape, dict) else ANYTHING
    sizes = {"min_size": schema.get("minProperties", 0), "max_size": schema.get("maxProperties", 2)}
    return st.dictionaries(_texts(pattern), values, **sizes)


@st.composite
def _mapping(draw: st.DrawFn, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(sorted(properties)), max_size=4, unique=True))
    return {key: draw(fitting(properties[key])) for key in dict.fromkeys([*required, *chosen])}


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A document that the schema likes, in half of all cases with anything at all in one place."""
    document = copy.deepcopy(draw(fitting(SCHEMA)))
    if draw(st.booleans()):
        *path, last = draw(st.sampled_from(list(places(document))[1:]))
        at(document, tuple(path))[last] = draw(ANYTHING)
    return document


@settings(max_examples=150, deadline=None)
@given(documents())
def test_made_documents_are_accepted_by_both_or_by_neither(document: Any) -> None:
    assert disagreement(dumped(document)) is None
