"""The OpenAPI document: paths from the routes, schemas from the classes that are given."""

import types
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import attrs

from wallarood import __version__

if TYPE_CHECKING:
    from wallarood.admin.web.routes import Route

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}


def document(prefix: str, routes: "Sequence[Route]") -> dict[str, Any]:
    """The document of *routes*, whose paths stand after *prefix*."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for route in routes:
        given: dict[str, Any] = {"description": route.summary}
        if route.gives is not None:
            given |= {"content": {"application/json": {"schema": schema_of(route.gives, schemas)}}}
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = {
            "summary": route.summary,
            "parameters": [
                {
                    "name": name,
                    "in": "query",
                    "description": text,
                    "schema": {"type": "string"},
                }
                for name, text in route.parameters.items()
            ],
            "responses": {
                "202" if route.method == "POST" else "200": given,
                "401": {"description": "no token, or a wrong one"},
                "409": {"description": "not now; the message says why"},
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
            "required": fields,
        }
    return {"$ref": f"#/components/schemas/{name}"}
