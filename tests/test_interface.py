"""The documents of the messages are what the models and topics say, and name everything that goes over the bus."""

import json
from pathlib import Path
from typing import Any

import pytest

from pumpd.mqtt import payloads
from pumpd.mqtt.accounts import rights
from pumpd.mqtt.site import load_site
from pumpd.mqtt.topics import Channel, parse
from tests.mqtt.test_site import EXAMPLE
from tools.interface.__main__ import PAGES, ROOT, main
from tools.interface.channels import CHANNELS

NAMES = {"{bed}": "bed1", "{user}": "anna", "{kind}": "spo2", "{source}": "ox7"}


def topic(address: str) -> str:
    for name, value in NAMES.items():
        address = address.replace(name, value)
    return address


def test_the_documents_are_current() -> None:
    assert main(["check"]) == 0


def test_a_changed_document_is_told_by_name_and_rendered_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    assert main(["render"], tmp_path) == 0
    assert main(["check"], tmp_path) == 0
    for path, _ in PAGES:
        assert (tmp_path / path).read_bytes() == (ROOT / path).read_bytes()
    (tmp_path / "docs" / "mqtt.md").write_text("something else")
    assert main(["check"], tmp_path) == 1
    assert capsys.readouterr().err == "docs/mqtt.md is not up to date; run 'make interface'\n"


def test_every_channel_that_carries_something_is_told() -> None:
    told = {parse(topic(each.address)) for each in CHANNELS}
    assert None not in told
    assert {each.channel for each in told if each is not None} == set(Channel)


def test_every_message_of_our_own_is_told() -> None:
    told = {model for each in CHANNELS for model in each.models}
    assert set(payloads.MESSAGES) <= told


def test_whoever_is_said_to_publish_has_the_right_to() -> None:
    table = rights(load_site(EXAMPLE))
    for channel in CHANNELS:
        wanted = topic(channel.address)
        publishers = {
            name
            for name, allowed in table.items()
            if any(each.replace("+", wanted.split("/")[2]) == wanted for each in allowed.publish)
        }
        expected = {"daemon": {"pump-bed1"}, "operator": {"anna"}, "source": set(), "clinic": {"clinic-desk"}}[
            channel.by
        ]
        assert publishers == expected, channel.name


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere() -> None:
    document = json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
    found = references(document)
    assert len(found) > 50
    for reference in found:
        place: Any = document
        for level in reference.removeprefix("#/").split("/"):
            place = place[level]
        assert isinstance(place, dict)
