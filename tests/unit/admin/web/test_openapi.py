"""The document says what is really given."""

from typing import Any

from support.clusters import healthy_cluster

from wallarood.admin.web.api import API, PREFIX
from wallarood.admin.web.openapi import document, schema_of
from wallarood.model.topology import Topology
from wallarood.wire.strict import unstructure


def fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether *value* is as *schema* says: the part of JSON Schema that is made here."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return any(fits(value, each, schemas) for each in schema["anyOf"])
    kinds = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
        "array": list,
        "object": dict,
    }
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if schema.get("type") == "object":
        return value.keys() == schema["properties"].keys() and all(
            fits(value[name], each, schemas) for name, each in schema["properties"].items()
        )
    if "items" in schema:
        return all(fits(each, schema["items"], schemas) for each in value)
    return True


def test_a_real_answer_fits_its_schema_and_a_wrong_one_does_not() -> None:
    made, schemas = healthy_cluster(), {}
    schema = schema_of(type(made.cluster), schemas)
    value = unstructure(made.cluster)
    assert fits(value, schema, schemas)
    value["asked"]["uptime_s"] = "long"
    assert not fits(value, schema, schemas)


def test_every_route_is_in_the_document() -> None:
    made = document(PREFIX, API)
    assert {(path, method) for path, each in made["paths"].items() for method in each} == {
        (PREFIX + route.path, route.method.lower()) for route in API
    }
    assert made["paths"]["/api/v1/checkpoint"]["post"]["parameters"][0]["name"] == "keep"


def test_the_document_says_how_queries_are_refused_and_what_they_must_have() -> None:
    made = document(PREFIX, API)["paths"]["/api/v1/tap"]["get"]
    parameters = {each["name"]: each for each in made["parameters"]}
    assert parameters["stage"]["required"]
    assert parameters["count"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000}
    refused = made["responses"]["400"]["content"]["application/json"]["schema"]
    assert refused == {"$ref": "#/components/schemas/Refusal"}


def test_what_may_be_left_out_is_not_required() -> None:
    schemas: dict[str, Any] = {}
    schema_of(Topology, schemas)
    assert "writers" not in schemas["Stage"]["required"]
    assert "workers" in schemas["Stage"]["required"]
