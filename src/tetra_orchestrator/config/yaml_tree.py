"""Bytes to a tree that remembers where everything stands and how it was written.

PyYAML's parser supplies the events; the tree is ours, because its constructors resolve `no`, `012` and `12:30` to
something nobody typed, keep the last of two equal keys, and expand aliases without a limit. Never a traceback:
whatever the bytes are, the answer is a tree or a problem.
"""

from __future__ import annotations

import codecs
import re
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any

import yaml

from tetra_orchestrator.config.problems import Mark, Problems, Source
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tetra_orchestrator.config.problems import Path

MAX_NODES = 2_000_000
MAX_ALIASED = 100_000  # how many of them may come from aliases: a bomb is small before it is expanded
MAX_ALIASED_TEXT = 1_000_000  # characters
MAX_DEPTH = 64
MAX_KEY = 1024  # characters; paths of keys are quoted in messages
MERGE = "<<"

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_JSON_LITERAL = re.compile(r"true|false|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")
_TYPED = frozenset("-0123456789tf")  # how the text of such a literal begins
_NULL = {"", "~", "null"}
#: What a record's class does when it is called, for those that a large file has a hundred thousand of.
_new: Any = tuple.__new__
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Scalar(Record):
    """Text; `plain` when it stands without quotes, `raw` as written where `${...}` was filled in."""

    mark: Mark
    text: str
    plain: bool
    raw: str | None = None


class Null(Record):
    """Nothing: an empty value, `~` or `null` without quotes."""

    mark: Mark


class Seq(Record):
    """A list."""

    mark: Mark
    items: list[Node]


class Entry(Record):
    """One key of a mapping: where the key stands, and its value."""

    mark: Mark
    value: Node


class Map(Record):
    """A mapping, in file order."""

    mark: Mark
    entries: dict[str, Entry]


if TYPE_CHECKING:
    Node = Scalar | Null | Seq | Map


def parse(data: bytes, name: str, problems: Problems, *, option: bool = False) -> Node | None:
    """The one document in `data`, or None after reporting why there is none. Doubled keys are reported, too."""
    text = _decode(data, name, problems, option)
    if text is None:
        return None
    # what else splitlines() takes for the end of a line was refused above
    source = Source(name, (*text.splitlines(), ""), option)
    try:
        return _Composer(source, problems, _LOADER(text).get_event).compose()
    except _Fault as fault:
        problems.error(fault.code, fault.mark, (), fault.message, fault.hint)
    except yaml.MarkedYAMLError as error:
        _report_syntax(error, source, problems)
    return None


def find(root: Node, path: Path) -> tuple[Node, Mark, Path]:
    """The deepest node along `path`, the mark of the key that leads to it, and the parts of `path` that exist."""
    node, key, existing = root, root.mark, []
    for part in path:
        if isinstance(node, Map) and part in node.entries:
            entry = node.entries[str(part)]
            node, key = entry.value, entry.mark
        elif isinstance(node, Seq) and isinstance(part, int):
            node = node.items[part]
            key = node.mark
        else:
            continue
        existing.append(part)
    return node, key, tuple(existing)


def scalars(node: Node, path: Path = ()) -> Iterator[tuple[Scalar, Path]]:
    """Every text in the node, which stands at `path`, and its own path."""
    match node:
        case Map():
            for key, entry in node.entries.items():
                yield from scalars(entry.value, (*path, key))
        case Seq():
            for index, item in enumerate(node.items):
                yield from scalars(item, (*path, index))
        case Scalar():
            yield node, path


def to_json(node: Node) -> str:
    """The tree as written, as compact JSON; parsing that gives the same tree again, spellings included."""
    if isinstance(node, Scalar):
        text = node.raw or node.text
        return text if node.plain and text[:1] in _TYPED and is_typed(text) else _quoted(text)
    if isinstance(node, Map):
        return "{" + ",".join([f"{_quoted(key)}:{to_json(value)}" for key, (_, value) in node.entries.items()]) + "}"
    return "[" + ",".join(map(to_json, node.items)) + "]" if isinstance(node, Seq) else "null"


def is_typed(text: str) -> bool:
    """True for `true`, `false` and plain decimal numbers: all that is not text without quotes."""
    return _JSON_LITERAL.fullmatch(text) is not None


class _Fault(Exception):
    def __init__(self, code: str, mark: Mark, message: str, hint: str | None = None):
        super().__init__(message)
        self.code, self.mark, self.message, self.hint = code, mark, message, hint


class _Composer:
    """Events to nodes, within a budget of nodes and of depth."""

    def __init__(self, source: Source, problems: Problems, take: Callable[[], Any]):
        self._source = source
        self._problems = problems
        self._take = take
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}
        self._path: list[str | list[Node]] = []  # of what is being read: the key, or the items before it
        self._count = 0
        self._text = 0
        self._aliased = 0
        self._aliased_text = 0

    def compose(self) -> Node:
        self._take()  # the stream's start
        root = None
        while (event := self._take()).__class__ is yaml.DocumentStartEvent:
            if root is not None:
                hint = "one file holds one document: remove `---`"
                raise _Fault("syntax", self._mark(event), "a second document starts here", hint)
            root = self._node(self._take())
            self._take()  # the document's end
        if root is None or isinstance(root, Null):
            hint = "start it with `version: 1`, `project: NAME` and `pipelines:`"
            raise _Fault("empty", Mark(self._source, 1, 1), "the file is empty", hint)
        return root

    def _node(self, event: Any) -> Node:
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        return self._alias(event) if kind is yaml.AliasEvent else self._collection(event)

    def _scalar(self, event: Any, *, key: bool = False) -> Scalar | Null:
        place, text, plain = event.start_mark, event.value, event.implicit[0]
        mark = _new(Mark, (self._source, place.line + 1, place.column + 1))
        self._count += 1
        if event.tag is not None or self._count > MAX_NODES:
            raise self._refusal(event, mark)
        empty = plain and text in _NULL and not key  # a key is text however it is written
        node: Scalar | Null = Null(mark) if empty else _new(Scalar, (mark, text, plain, None))
        self._text += len(text)
        if event.anchor is not None:
            self._anchors[event.anchor] = node, 1, len(text)
        return node

    def _collection(self, event: yaml.CollectionStartEvent) -> Seq | Map:
        mark, anchor, values, characters = self._mark(event), event.anchor, self._count, self._text
        self._count += 1
        if event.tag is not None or self._count > MAX_NODES:
            raise self._refusal(event, mark)
        if len(self._path) == MAX_DEPTH:
            raise _Fault("too_deep", mark, f"more than {MAX_DEPTH} levels are nested here")
        if anchor is not None:
            self._anchors[anchor] = None
        node: Seq | Map
        if event.__class__ is yaml.SequenceStartEvent:
            node = _new(Seq, (mark, self._items()))
        else:
            node = _new(Map, (mark, self._entries()))
        self._path.pop()
        if anchor is not None:
            self._anchors[anchor] = node, self._count - values, self._text - characters
        return node

    def _items(self) -> list[Node]:
        items: list[Node] = []
        self._path.append(items)
        while (event := self._take()).__class__ is not yaml.SequenceEndEvent:
            items.append(self._node(event))
        return items

    def _entries(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: list[Map] = []
        path = self._path
        path.append("")
        while (event := self._take()).__class__ is not yaml.MappingEndEvent:
            mark, text, plain, _ = self._key(event)
            path[-1] = text
            value = self._node(self._take())
            if plain and text == MERGE:
                merged += _mappings(value)
            elif text in entries:
                self._report_doubled(text, mark, entries[text].mark)
            else:
                entries[text] = _new(Entry, (mark, value))
        for each in merged:
            for text, entry in each.entries.items():
                entries.setdefault(text, entry)
        return entries

    def _key(self, event: Any) -> Scalar:
        if event.__class__ is yaml.ScalarEvent:
            key: Node = self._scalar(event, key=True)
        else:
            self._path[-1] = ""
            key = self._node(event)
        if not isinstance(key, Scalar):
            raise _Fault("syntax", key.mark, "a key must be text", 'text in braces needs quotes: "{name.key}"')
        if len(key.text) > MAX_KEY:
            raise _Fault("too_large", key.mark, f"a key has at most {MAX_KEY:,} characters")
        return key

    def _alias(self, event: yaml.AliasEvent) -> Node:
        mark = self._mark(event)
        known = self._anchors.get(str(event.anchor))
        if known is None:
            reason = "is used inside itself" if event.anchor in self._anchors else "is not defined above"
            raise _Fault("syntax", mark, f"the anchor '{event.anchor}' {reason}", "a `*` is text only in quotes")
        node, size, length = known
        self._count += size
        if self._count > MAX_NODES:
            raise self._refusal(event, mark)
        self._aliased += size
        self._text += length
        self._aliased_text += length
        if self._aliased > MAX_ALIASED:
            raise _Fault("too_large", mark, f"aliases expand to more than {MAX_ALIASED:,} values here")
        if self._aliased_text > MAX_ALIASED_TEXT:
            raise _Fault("too_large", mark, f"aliases expand to more than {MAX_ALIASED_TEXT:,} characters here")
        return node

    def _mark(self, event: Any) -> Mark:
        place = event.start_mark
        return _new(Mark, (self._source, place.line + 1, place.column + 1))  # type: ignore[no-any-return]

    def _refusal(self, event: Any, mark: Mark) -> _Fault:
        """Why a value is refused: it is too many, or has a tag."""
        if self._count > MAX_NODES:
            return _Fault("too_large", mark, f"the document has more than {MAX_NODES:,} values")
        message = f"YAML tags such as {event.tag} are not supported"
        return _Fault("syntax", mark, message, "a `!` is text only in quotes")

    def _report_doubled(self, key: str, mark: Mark, first: Mark) -> None:
        path = tuple(len(place) if isinstance(place, list) else place for place in self._path)
        message = f"the key '{key}' is here a second time, first on line {first.line}"
        self._problems.error("duplicate_key", mark, path, message, "keep one of the two")


def _mappings(node: Node) -> list[Map]:
    """What a merge key merges: a mapping, or each of a list, the first winning (yaml.org/type/merge.html)."""
    found = node.items if isinstance(node, Seq) else [node]
    for each in found:
        if not isinstance(each, Map):
            raise _Fault("syntax", each.mark, "`<<` takes a mapping, or a list of them", "write it like <<: *name")
    return [each for each in found if isinstance(each, Map)]


def _decode(data: bytes, name: str, problems: Problems, option: bool) -> str | None:
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", "utf-8"))
    body = data[len(bom) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        readable = body[: error.start].decode(encoding)
        _report_text(readable, name, option, problems, f"this is not {encoding.upper()} text", "save the file as UTF-8")
        return None
    bad = _FORBIDDEN.search(text)
    if bad is None:
        return text
    message = f"the character U+{ord(bad[0]):04X} is not allowed here"
    hint = 'save the file as UTF-8; inside "double quotes" such a character is written \\uXXXX'
    _report_text(text[: bad.start()], name, option, problems, message, hint)
    return None


def _report_text(readable: str, name: str, option: bool, problems: Problems, message: str, hint: str) -> None:
    """A fault right after the `readable` part of a text."""
    lines = tuple(_LINE_BREAK.split(readable))
    mark = Mark(Source(name, lines, option), len(lines), len(lines[-1]) + 1)
    problems.error("encoding", mark, (), message, hint)


def _report_syntax(error: yaml.MarkedYAMLError, source: Source, problems: Problems) -> None:
    place = error.problem_mark or error.context_mark
    line, column = (place.line, place.column) if place else (0, 0)
    text = source.lines[line] if line < len(source.lines) else ""
    mark = Mark(source, line + 1, column + 1)
    if "\t" in text[: len(text) - len(text.lstrip())]:
        problems.error("syntax", mark, (), "this line is indented with a tab", "YAML is indented with spaces only")
        return
    context = f" {error.context}" if error.context else ""
    since = f" from line {error.context_mark.line + 1}" if error.context_mark else ""
    hint = _syntax_hint(error, source, line, column)
    problems.error("syntax", mark, (), f"not valid YAML: {error.problem}{context}{since}", hint)


def _syntax_hint(error: yaml.MarkedYAMLError, source: Source, line: int, column: int) -> str | None:
    text = source.lines[line] if line < len(source.lines) else ""
    if "an alias" in (error.context or ""):
        return "text that starts with * needs quotes"
    if "quoted scalar" in (error.context or "") and error.context_mark:
        return f"a quote that opens on line {error.context_mark.line + 1} is not closed"
    above = next((number for number in range(line - 1, -1, -1) if source.lines[number].strip()), None)
    if "mapping values" in (error.problem or "") and above is not None and ":" not in source.lines[above]:
        return f"does line {above + 1} lack its colon?"
    if text[column : column + 1] in tuple("@`%"):
        return f"text that starts with {text[column]} needs quotes"
    if ": " in text:
        return "text that holds `: ` needs quotes"
    return None
