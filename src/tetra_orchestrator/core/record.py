"""`Record`, the base of every frozen value in the core.

A type checker sees `typing.NamedTuple`; at run time it is the same class made without `typing`, and equal only to its
own kind. See docs/adr/0001: a timer's wake pays for every import, and 20 dataclasses cost twice a bare interpreter.
"""

from __future__ import annotations

__all__ = ["Record"]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:
    from collections import namedtuple

    def _same_kind(self, other):
        return self.__class__ is other.__class__ and tuple.__eq__(self, other)

    def _other_kind(self, other):
        return not _same_kind(self, other)

    class _RecordType(type):
        def __new__(mcls, name, bases, body):
            if name == "Record":
                return super().__new__(mcls, name, bases, body)
            fields = list(body.get("__annotations__", ()))
            defaults = [body.pop(field) for field in fields if field in body]
            base = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            body.setdefault("__slots__", ())
            body |= {"__eq__": _same_kind, "__ne__": _other_kind, "__hash__": tuple.__hash__}
            return type(name, (base,), body)

    class Record(metaclass=_RecordType):
        """Subclass with annotated fields, in a module that has `from __future__ import annotations`."""
