"""`Word`, the base of the words for states: a text that is one of a few.

A type checker sees `enum.StrEnum`; at run time it is the same without `enum`, whose import and classes cost a timer's
wake a quarter of a bare interpreter. See docs/adr/0001.
"""

from __future__ import annotations

__all__ = ["Word"]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from enum import StrEnum as Word
else:

    class _WordType(type):
        def __new__(mcls, name, bases, body):
            texts = {key: body.pop(key) for key in list(body) if key.isupper()}
            kind = super().__new__(mcls, name, bases, {**body, "__slots__": ()})
            kind._words = {text: str.__new__(kind, text) for text in texts.values()}
            for key, text in texts.items():
                setattr(kind, key, kind._words[text])
            return kind

        def __call__(cls, text):
            try:
                return cls._words[text]
            except KeyError:
                raise ValueError(f"{text!r} is not a valid {cls.__name__}") from None

        def __iter__(cls):
            return iter(cls._words.values())

        def __len__(cls):
            return len(cls._words)

    class Word(str, metaclass=_WordType):
        """Subclass with `NAME = "text"` for every word. `Kind(text)` is the word, or a `ValueError`."""

        @property
        def value(self):
            return str.__str__(self)

        def __reduce__(self):
            return self.__class__, (self.value,)
