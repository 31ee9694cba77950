"""Reads a JSON object from a stream, element by element, in bounded memory.

Members of the object are returned one after the other; the wanted lists, element by element.
Whatever the layout of the text, at most MAX_ELEMENT_CHARACTERS and a block are in memory.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

BLOCK_BYTES = 1 << 16
MAX_ELEMENT_CHARACTERS = 1 << 20
"""Far more than any record of an export; a longer element is refused before it fills the memory."""

_WORDS = ("true", "false", "null", "-")
LONGEST_ESCAPE = len(r"\u0000")
_SPACE = re.compile(r"[ \t\n\r]*")


class BadJson(ValueError):
    """The stream is not a JSON object that this module can read; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Element:
    """A member of the object or, with an `index`, an element of a member that is a list."""

    key: str
    index: int | None
    value: Any


def read_elements(stream: BinaryIO, lists: frozenset[str]) -> Iterator[Element]:
    """Yield the members of the JSON object in `stream`, those named in `lists` by their elements.

    `stream` holds UTF-8. Raises BadJson, also if text follows the object.
    """
    window = _Window(stream)
    window.take("{")
    seen: set[str] = set()
    while window.peek() != "}" or seen:
        key = window.take_value()
        if not isinstance(key, str) or key in seen:
            raise BadJson(f"the member {str(key)[:40]!r} is no text, or occurs twice")
        seen.add(key)
        window.take(":")
        if key in lists:
            yield from _read_list(window, key)
        else:
            yield Element(key, None, window.take_value())
        if not window.took_comma():
            break
    window.take("}")
    if window.peek():
        raise BadJson("there is more text after the end of the document")


def _read_list(window: _Window, key: str) -> Iterator[Element]:
    window.take("[")
    index = 0
    while window.peek() != "]" or index:
        try:
            value = window.take_value()
        except BadJson as error:
            raise BadJson(f"{key}[{index}]: {error}") from None
        yield Element(key, index, value)
        index += 1
        if not window.took_comma():
            break
    try:
        window.take("]")
    except BadJson as error:
        raise BadJson(f"{key}, after {index:,} records: {error}") from None


class _Window:
    """The part of the text that is in memory, and the position in it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.text, self.at, self.has_ended = stream, "", 0, False
        self.decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self.scan = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode

    def peek(self) -> str:
        """Return the next character other than whitespace, without taking it; "" at the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._read_more():
                return ""

    def take(self, wanted: str) -> None:
        """Take the wanted character, or raise BadJson if another is next."""
        found = self.peek()
        if found != wanted:
            there = f"{found!r} is there" if found else "the text ends too early"
            raise BadJson(f"{there}, where {wanted!r} should be")
        self.at += 1

    def took_comma(self) -> bool:
        """Take a comma if it is next; return whether it was."""
        is_next = self.peek() == ","
        self.at += is_next
        return is_next

    def take_value(self) -> Any:
        """Take a complete value. Raises BadJson if it is malformed, truncated or too long."""
        self.peek()
        while True:
            try:
                value, end = self.scan(self.text, self.at)
                # A number at the very end of the block may continue in the next one.
                if end < len(self.text) or not self._read_more():
                    self.at = end
                    return value
            except json.JSONDecodeError as error:
                rest = self.text[error.pos :]
                if len(self.text) - self.at > MAX_ELEMENT_CHARACTERS or not self._read_more():
                    self._fail(error, rest)
            except RecursionError:
                raise BadJson("the value is nested too deeply") from None
            except ValueError as error:  # For numbers of thousands of digits, NaN and Infinity.
                raise BadJson(str(error)) from None

    def _fail(self, error: json.JSONDecodeError, rest: str) -> NoReturn:
        """Raise BadJson for an error; `rest` is the text from its place on."""
        is_cut = (
            error.msg.startswith("Unterminated")
            or any(word.startswith(rest) for word in _WORDS)
            or (error.msg.startswith("Invalid") and len(rest) < LONGEST_ESCAPE)
        )
        if not self.has_ended and is_cut:
            raise BadJson(f"the value has more than {MAX_ELEMENT_CHARACTERS:,} characters")
        if is_cut:
            raise BadJson("the text ends too early")
        raise BadJson(f"it is not JSON ({error.msg})")

    def _read_more(self) -> bool:
        """Read the next block, and tell whether there was one."""
        if self.has_ended:
            return False
        block = self.stream.read(BLOCK_BYTES)
        self.has_ended = not block
        try:
            more = self.decode(block, final=self.has_ended)
        except UnicodeDecodeError:
            raise BadJson("it is not text in UTF-8") from None
        self.text, self.at = self.text[self.at :] + more, 0
        return not self.has_ended


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")
