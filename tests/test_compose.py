"""The compose file of docs/kafka.md, by the few rules of the Compose specification that it uses.

Its own schema is not in the repository; docs/kafka.md says with which state of it the file was compared.
"""

from pathlib import Path

import jsonschema
import pytest
import yaml

FILE = Path(__file__).parent.parent / "docs" / "kafka-compose.yaml"
TEXTS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
TIME = {"type": "string", "pattern": r"^[0-9]+(ms|s|m|h)$"}
SERVICE = {
    "type": "object",
    "properties": {
        "image": {"type": "string"},
        "ports": TEXTS,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "volumes": TEXTS,
        "healthcheck": {
            "type": "object",
            "properties": {"test": TEXTS, "interval": TIME, "timeout": TIME, "retries": {"type": "integer"}},
            "additionalProperties": False,
        },
    },
    "required": ["image"],
    "additionalProperties": False,
}
COMPOSE = {
    "type": "object",
    "properties": {
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    },
    "additionalProperties": False,
}


def test_the_file_is_of_the_shape_that_compose_reads() -> None:
    told = yaml.safe_load(FILE.read_text("utf-8"))
    jsonschema.validate(told, COMPOSE)

    (broker,) = told["services"].values()
    assert all(port.startswith("127.0.0.1:") for port in broker["ports"])
    assert {volume.partition(":")[0] for volume in broker["volumes"]} == told["volumes"].keys()


def test_a_slip_in_it_would_be_found() -> None:
    told = yaml.safe_load(FILE.read_text("utf-8").replace("healthcheck", "healtcheck"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, COMPOSE)
