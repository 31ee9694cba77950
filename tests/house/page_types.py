"""Makes types/api.d.ts, the types of the API for the page, from the OpenAPI document.

`python -m tests.house.page_types` writes the file; a test compares it with the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from serve.app import build_app
from serve.parts import AppParts
from tests.house.sources import PROJECT_DIR

FILE = "types/api.d.ts"
HEAD = """\
// The bodies of requests and responses, generated from the OpenAPI document: do not edit. If a test
// reports that the API has changed, run: python -m tests.house.page_types
"""
PLAIN = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean"}

Schema = Mapping[str, Any]


def describe_types() -> str:
    """The text of the file for the routes as they are now."""
    document = document_of_the_api()
    asked = set(names_of_bodies(document))
    declared = [
        declare(name, schema, is_asked=name in asked)
        for name, schema in document["components"]["schemas"].items()
    ]
    return "\n".join([HEAD, *declared])


def document_of_the_api() -> dict[str, Any]:
    """The OpenAPI document of an application that is never started."""
    nothing: Any = None
    parts = AppParts(engine=nothing, progress=nothing, submit=nothing, allowed_roots=(), pack="")
    app: FastAPI = build_app(parts)
    return app.openapi()


def names_of_bodies(document: Schema) -> Iterator[str]:
    """The schemas of the requests to the API."""
    for methods in document["paths"].values():
        for route in methods.values():
            for content in route.get("requestBody", {}).get("content", {}).values():
                yield type_of(content["schema"])


def declare(name: str, schema: Schema, *, is_asked: bool) -> str:
    """One schema: an object becomes an interface, anything else a type alias."""
    if "properties" not in schema:
        return f"type {name} = {type_of(schema)};\n"
    return "\n".join([f"interface {name} {{", *fields_of(schema, is_asked=is_asked), "}\n"])


def fields_of(schema: Schema, *, is_asked: bool) -> Iterator[str]:
    """The lines of an interface. A field with a default is optional in requests only."""
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        is_there = name in required or ("default" in field and not is_asked)
        mark = "" if is_there else "?"
        yield f"  {name}{mark}: {type_of(field)};"


def type_of(schema: Schema) -> str:
    """A schema as a TypeScript type; KeyError if there is none for it."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(map(type_of, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " | ".join(map(json.dumps, schema.get("enum") or [schema["const"]]))
    match schema.get("type"):
        case "null":
            return "null"
        case "array":
            inner = type_of(schema["items"])
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case "object":
            values = schema.get("additionalProperties")
            return f"Record<string, {type_of(values) if isinstance(values, dict) else 'unknown'}>"
        case None:
            return "unknown"
        case plain:
            return PLAIN[plain]


if __name__ == "__main__":
    (PROJECT_DIR / FILE).write_text(describe_types(), encoding="utf-8")
