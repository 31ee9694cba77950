"""Parses an XMP packet to elements, safely: without document types, and with limits.

A packet may come from any program, or from an attacker. It is decoded here, because its declared
encoding is often wrong (ISO 16684-1 requires UTF-8 in most formats, and allows UTF-16 and UTF-32 in
some). XMP has no document type, so a packet with one is refused. Without it, no entity can be
declared that expands ("billion laughs") or fetches a file.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from xml.parsers import expat

from cluster.core.errors import UnreadableXmp

MAX_PACKET_BYTES = 16 << 20
"""A longer packet is not read. Lightroom's extended XMP with masks has a few MB."""

MAX_ELEMENTS = 300_000
MAX_DEPTH = 64

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_WESTERN = {"iso-8859-1", "latin1", "latin-1", "iso-8859-15", "windows-1252", "cp1252"}
_DECLARATION = re.compile(r"<\?xml\s[^>]*\?>")


@dataclass(slots=True)
class Element:
    """An element; a name is the namespace, a space and the local name, or the local name alone.

    `start` and `end` are the offsets of the whole element in the parsed bytes.
    """

    name: str
    attributes: dict[str, str]
    start: int
    end: int = 0
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly in the element, without surrounding whitespace."""
        return "".join(self.texts).strip()


def normalise_packet(data: bytes) -> bytes:
    """Return a packet as UTF-8 from its first to its last tag, without an XML declaration.

    Raises UnreadableXmp if it is too long, holds no XML, or cannot be decoded.
    """
    if len(data) > MAX_PACKET_BYTES:
        raise UnreadableXmp(f"it is longer than {MAX_PACKET_BYTES >> 20} MB")
    text = _decode(data)
    first, last = text.find("<"), text.rfind(">")
    if first < 0 or last < first:
        raise UnreadableXmp("it holds no XML")
    text = text[first : last + 1]
    declaration = _DECLARATION.match(text)
    return text[declaration.end() if declaration else 0 :].strip().encode()


def parse_packet(packet: bytes) -> Element:
    """Return the root of a packet from `normalise_packet`. Raises UnreadableXmp."""
    builder = _Builder(packet)
    parser = builder.parser
    try:
        parser.Parse(packet, True)
    except expat.ExpatError as error:
        raise UnreadableXmp(f"it is not well-formed XML ({error})") from None
    if builder.root is None:
        raise UnreadableXmp("it holds no element")
    return builder.root


def _decode(data: bytes) -> str:
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), None)
    if encoding is None:
        start = data.lstrip(b" \t\r\n")
        encoding = next((name for head, name in _WIDE if start.startswith(head)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        declared = _DECLARED.search(data[:1000])
        name = declared.group(1).decode().lower() if declared else ""
        if encoding == "utf-8" and name in _WESTERN:
            return data.decode("cp1252" if name in ("windows-1252", "cp1252") else name)
        raise UnreadableXmp(f"it is not valid {encoding.upper()}") from None


class _Builder:
    """Collects the elements that expat meets."""

    def __init__(self, packet: bytes) -> None:
        self.root: Element | None = None
        self._packet, self._open, self._count = packet, list[Element](), 0
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise UnreadableXmp("it holds too many elements")
        element = Element(name, attributes, self.parser.CurrentByteIndex)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        element, at = self._open.pop(), self.parser.CurrentByteIndex
        # Expat is behind an empty-element tag, and before an end tag.
        is_leaf = not element.children and not element.texts
        is_empty_tag = is_leaf and self._packet[at - 2 : at] == b"/>"
        element.end = at if is_empty_tag else self._packet.index(b">", at) + 1

    def _characters(self, data: str) -> None:
        self._open[-1].texts.append(data)

    def _refuse(self, *what: object) -> None:
        raise UnreadableXmp("it declares a document type, which XMP never has")
