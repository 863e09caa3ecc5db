"""The AsyncAPI 3.0 document, from the daemon's side: it sends what screens read and receives commands and inputs."""

import json
from pathlib import Path
from typing import Any

from tools.interface.channels import CHANNELS, PARAMETERS, Channel, schemas

PATH = Path("docs") / "asyncapi.json"


def render() -> str:
    """Return the document as JSON."""
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "pumpd on MQTT",
            "version": "1",
            "description": "Between a bed's daemon, its nurses and its sources. No certified medical device.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {each.name: _channel(each) for each in CHANNELS},
        "operations": {each.name: _operation(each) for each in CHANNELS},
        "components": {
            "messages": {model.__name__: _message(model.__name__) for each in CHANNELS for model in each.models},
            "schemas": schemas(),
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": channel.address,
        "description": f"{channel.says}. Retained: {channel.retained}.",
        "parameters": {name: {"description": PARAMETERS[name]} for name in channel.parameters},
        "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in channel.models},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    return {
        "action": "send" if channel.by == "daemon" else "receive",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retained == "yes", "bindingVersion": "0.2.0"}},
    }


def _message(name: str) -> dict[str, Any]:
    return {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}}
