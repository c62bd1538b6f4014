"""The OpenAPI document: paths from the routes, schemas from the classes that are given."""

import types
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import attrs

from wallarood import __version__

if TYPE_CHECKING:
    from wallarood.admin.web.api import Route

REFUSALS = {
    "400": "the query is wrong",
    "401": "no token, or a wrong one",
    "403": "orders need a token; or what is asked for is not shown here",
    "404": "there is no such stage or computation",
    "405": "another method is expected",
    "409": "not now; the message says why",
    "421": "this host is not known by that name",
    "429": "too many wrong tokens",
    "431": "the request is too long",
    "503": "as many pages as there may be are open already",
    "504": "there was no answer in time",
}
"""What is answered instead, with `error`: why."""

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}


REFUSAL = {
    "type": "object",
    "description": "Why there is no other answer.",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}


def document(prefix: str, routes: "Sequence[Route]") -> dict[str, Any]:
    """The document of *routes*, whose paths stand after *prefix*."""
    schemas: dict[str, Any] = {"Refusal": REFUSAL}
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}}
    paths: dict[str, Any] = {}
    for route in routes:
        kind = "text/event-stream" if route.path == "/events" else "application/json"
        schema = {} if route.gives is None else schema_of(route.gives, schemas)
        given = {"description": route.summary, "content": {kind: {"schema": schema}}}
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = {
            "summary": route.summary,
            "parameters": [
                {
                    "name": name,
                    "in": "query",
                    "description": each.help,
                    "required": each.required,
                    "schema": each.schema,
                }
                for name, each in route.parameters.items()
            ],
            "responses": {
                "202" if route.method == "POST" else "200": given,
                **{code: {"description": text, **error} for code, text in REFUSALS.items()},
            },
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "wallarood", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def schema_of(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of *kind*; those of classes are put into *schemas*."""
    if kind is Any:
        return {}
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    if kind is type(None):
        return {"type": "null"}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(each, schemas) for each in arguments]}
    if origin is tuple and arguments[-1] is Ellipsis:
        return {"type": "array", "items": schema_of(arguments[0], schemas)}
    if origin is tuple:
        return {
            "type": "array",
            "prefixItems": [schema_of(each, schemas) for each in arguments],
            "minItems": len(arguments),
            "maxItems": len(arguments),
        }
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"type": "string", "enum": [member.value for member in kind]}
    if attrs.has(kind):
        return _class_schema(kind, schemas)
    return schema_of(getattr(kind, "__supertype__", str), schemas)


def _class_schema(kind: type, schemas: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in schemas:
        schemas[name] = {}  # it may name itself
        hints = get_type_hints(kind)
        fields = [field.name for field in attrs.fields(kind)]
        schemas[name] = {
            "type": "object",
            "description": (kind.__doc__ or "").strip(),
            "properties": {each: schema_of(hints[each], schemas) for each in fields},
            "required": [
                field.name for field in attrs.fields(kind) if not field.metadata.get("omit_default")
            ],
        }
    return {"$ref": f"#/components/schemas/{name}"}
