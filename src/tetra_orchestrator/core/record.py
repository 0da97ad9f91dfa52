"""`Record`, the base of every frozen value in the core.

A type checker sees `typing.NamedTuple`; at run time it is a tuple with the same interface, made without `typing`, and
equal only to its own kind. See docs/adr/0001: a timer's wake pays for every import and for every class that it makes.
"""

from __future__ import annotations

__all__ = ["Record"]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:
    from collections import _tuplegetter, namedtuple

    class _RecordType(type):
        def __new__(mcls, name, bases, body):
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            body |= {field: _tuplegetter(place, "") for place, field in enumerate(fields)}
            body |= {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults}
            return super().__new__(mcls, name, bases, body)

    def _compile(cls, *values, **named):
        defaults = cls._field_defaults.values()
        cls.__new__ = namedtuple(cls.__name__, cls._fields, defaults=defaults).__new__
        return cls(*values, **named)

    def _complete(cls, values, named):
        """All the values in the order of the fields; for a call that does not fit, the error of a named tuple."""
        rest, known = cls._fields[len(values) :], {**cls._field_defaults, **named}
        if named.keys() <= set(rest) <= known.keys() and len(values) <= len(cls._fields):
            return (*values, *[known[field] for field in rest])
        return _compile(cls, *values, **named)

    class Record(tuple, metaclass=_RecordType):
        """Subclass with annotated fields, in a module that has `from __future__ import annotations`."""

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                cls.__new__ = _compile  # next time: it costs as much as making the class
                values = _complete(cls, values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **named):
            new = tuple.__new__(self.__class__, map(named.pop, self._fields, self))
            if named:
                raise ValueError(f"Got unexpected field names: {list(named)}")
            return new

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __eq__(self, other):
            return self.__class__ is other.__class__ and tuple.__eq__(self, other)

        def __ne__(self, other):
            return not self == other

        __hash__ = tuple.__hash__

        def __repr__(self):
            fields = ", ".join([f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)])
            return f"{self.__class__.__name__}({fields})"

        def __getnewargs__(self):
            return tuple(self)
