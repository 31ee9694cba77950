"""Reads the properties of an XMP packet as texts, lists and structures.

Programs write one structure in several ways (ISO 16684-1, 7.9): as a nested rdf:Description, with
rdf:parseType="Resource", or as attributes of the property. All forms give the same value here.
"""

from __future__ import annotations

from typing import TypeAlias

from cluster.core.xmp.packet_elements import Element

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_LISTS = {f"{RDF} Bag", f"{RDF} Seq", f"{RDF} Alt"}
_PARSE_TYPE, _ITEM, _VALUE = f"{RDF} parseType", f"{RDF} li", f"{RDF} value"

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
Struct: TypeAlias = "dict[str, Value]"


def list_descriptions(root: Element) -> list[Element]:
    """Return the elements that hold properties: the children of rdf:RDF, wherever it is."""
    if root.name == f"{RDF} RDF":
        return root.children
    return [found for child in root.children for found in list_descriptions(child)]


def read_structs(root: Element) -> list[Struct]:
    """Return the properties of each description of a packet, by their names."""
    return [_read_struct(one) for one in list_descriptions(root)]


def find_struct(value: Value | None) -> Struct | None:
    """Return a structure, or the only structure of a list; None for any other value."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def list_structs(value: Value | None) -> list[Struct]:
    """Return the structures of a list, or a single structure in place of a list."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def find_text(value: Value | None) -> str | None:
    """Return a text, or the first text of a list; None for an empty text or any other value."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, str)), None)
    return value.strip() or None if isinstance(value, str) else None


def _read_struct(element: Element) -> Struct:
    struct: Struct = {
        name: value for name, value in element.attributes.items() if _is_property(name)
    }
    for child in element.children:
        struct[child.name] = _read_value(child)
    return struct


def _read_value(element: Element) -> Value:
    if element.attributes.get(_PARSE_TYPE) == "Resource":
        return _without_qualifiers(_read_struct(element))
    if not element.children:
        struct = _read_struct(element)
        return struct if struct and not element.text else element.text
    inner = element.children[0]
    if inner.name in _LISTS:
        return [_read_value(item) for item in inner.children if item.name == _ITEM]
    return _without_qualifiers(_read_struct(inner))


def _without_qualifiers(struct: Struct) -> Value:
    return struct.get(_VALUE, struct)


def _is_property(name: str) -> bool:
    namespace, _, local = name.rpartition(" ")
    return bool(namespace) and namespace not in (RDF, _XML) and bool(local)
