"""Write web/src/wire.ts: the types of the server's OpenAPI document, for the page.

    python web/make_wire.py

What is sent to the server may leave out what has a default; what comes from it is always whole.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundkin.facade import Library
from soundkin.serve import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

WIRE = Path(__file__).parent / "src/wire.ts"
HEAD = """// Made from the server's OpenAPI document by web/make_wire.py; a test holds it fresh. Do not edit.
"""
PLAIN = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}
FASTAPI_OWN = {"HTTPValidationError", "ValidationError"}

Schema = dict[str, Any]


def openapi() -> Schema:
    """Return the document of an app over an empty library."""
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "library") as library:
        return create_app(library).openapi()


def wire(document: Schema) -> str:
    """Return the TypeScript of every schema of a document, in the order of their names."""
    schemas = document["components"]["schemas"]
    asked = reached(schemas, list(refs([call.get("requestBody", {}) for call in calls(document)])))
    names = sorted(set(schemas) - FASTAPI_OWN)
    return "\n".join(
        [HEAD, *(declared(name, schemas[name], whole=name not in asked) for name in names)]
    )


def calls(document: Schema) -> Iterator[Schema]:
    """Yield every operation of a document."""
    for methods in document["paths"].values():
        yield from methods.values()


def refs(schema: object) -> Iterator[str]:
    """Yield the names that a piece of a document refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from refs(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from refs(value)


def reached(schemas: Schema, names: list[str]) -> set[str]:
    """Return the names and everything they refer to in turn."""
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            names += refs(schemas.get(name, {}))
    return found


def declared(name: str, schema: Schema, *, whole: bool) -> str:
    """Return one schema as an exported type; `whole`: every field is there."""
    note = f"/** {schema['description'].splitlines()[0]} */\n" if "description" in schema else ""
    if schema.get("type") != "object" or "properties" not in schema:
        return f"{note}export type {name} = {typed(schema)};\n"
    needed = schema.get("required", [])
    fields = [
        f"  {field}{'' if whole or field in needed else '?'}: {typed(kind)};"
        for field, kind in schema["properties"].items()
    ]
    return f"{note}export interface {name} {{\n" + "\n".join(fields) + "\n}\n"


def typed(schema: Schema) -> str:
    """Return a schema as a TypeScript type.

    >>> typed({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]})
    'number[] | null'
    """
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    one_of = schema.get("anyOf") or schema.get("oneOf")
    if one_of:
        return " | ".join(dict.fromkeys(typed(one) for one in one_of))
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values:
        return " | ".join(json.dumps(value) for value in values)
    if schema.get("type") == "array":
        return listed(schema)
    if schema.get("type") == "object":
        return f"Record<string, {typed(schema.get('additionalProperties') or {})}>"
    return PLAIN.get(str(schema.get("type")), "unknown")


def listed(schema: Schema) -> str:
    """Return an array's or a tuple's type."""
    if "prefixItems" in schema:
        return f"[{', '.join(typed(one) for one in schema['prefixItems'])}]"
    inner = typed(schema.get("items", {}))
    return f"({inner})[]" if " | " in inner else f"{inner}[]"


if __name__ == "__main__":
    WIRE.write_text(wire(openapi()))
