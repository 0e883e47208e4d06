"""Files for other tools, by what those tools say of them."""

import json
from pathlib import Path

import jsonschema
import pytest

from memguard.allocations import Allocations, Group, difference
from memguard.export.flames.formats import FORMATS
from memguard.export.flames.naming import Names

SCHEMA = json.loads(Path(__file__).with_name("speedscope").joinpath("file-format-schema.json").read_text("utf-8"))
VIEW, LOOP = ("/srv/shop/views.py", 12), ("/srv/shop/main.py", 3)
BEFORE = Allocations(1.0, (Group((VIEW, LOOP), 3000, 30), Group((LOOP,), 900, 1)))
AFTER = Allocations(2.0, (Group((VIEW, LOOP), 9000, 70), Group((LOOP,), 100, 1), Group((), 50, 2, domain=7)))


@pytest.mark.parametrize(
    "taken", [BEFORE, AFTER, difference(BEFORE, AFTER), difference(AFTER, BEFORE), Allocations(3.0, ())]
)
def test_speedscope_can_read_what_it_gets(taken: Allocations) -> None:
    """By the schema that speedscope itself publishes: a snapshot, what has grown, what has shrunk, nothing at all."""
    told = json.loads(FORMATS["speedscope"](taken, Names()))

    jsonschema.Draft7Validator(SCHEMA).validate(told)
    assert told["$schema"] == "https://www.speedscope.app/file-format-schema.json"


def test_what_speedscope_could_not_read_is_told_by_its_schema() -> None:
    """So the test above would fail."""
    told = json.loads(FORMATS["speedscope"](AFTER, Names()))
    told["profiles"][0]["weights"] = "many"

    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(told)
