"""docs/mqtt.md: the rules by hand, the tables from the models."""

from pathlib import Path
from typing import Any

from tools.interface.channels import CHANNELS, REFERENCE, REQUESTS, schemas

PATH = Path("docs") / "mqtt.md"
HEAD = Path(__file__).with_name("mqtt_head.md")
COMMON = ("v", "id", "session", "rev", "token", "issued_at")
"""What every command carries; told once."""


def render() -> str:
    """Return the page."""
    defined = schemas()
    commands = {model.__name__ for model in REQUESTS}
    told = [
        *(model.__name__ for each in CHANNELS for model in each.models if model.__name__ not in commands),
    ]
    parts = [HEAD.read_text(encoding="utf-8").rstrip(), "", "## Topics", "", *_topics(), "", "## Messages", ""]
    for name in told:
        parts += [f"### {name}", "", _sentence(defined[name]), "", *_fields(defined[name]), ""]
    parts += ["## Commands", "", "Every command carries these:", ""]
    first = defined[REQUESTS[0].__name__]
    parts += [*_fields(first, only=COMMON), ""]
    for model in REQUESTS:
        schema = defined[model.__name__]
        parts += [f"### {schema['properties']['kind']['const']}", "", _sentence(schema), ""]
        own = [name for name in schema["properties"] if name not in (*COMMON, "kind")]
        parts += [*_fields(schema, only=tuple(own)), ""] if own else []
    inner = sorted(set(defined) - set(told) - commands)
    parts += ["## Parts of messages", ""]
    for name in inner:
        schema = defined[name]
        fields = _fields(schema) if "properties" in schema else [_type(schema)]
        parts += [f"### {name}", "", _sentence(schema), "", *fields, ""]
    return "\n".join(parts).rstrip() + "\n"


def _topics() -> list[str]:
    rows = ["| Topic | From | QoS | Retained | What |", "|---|---|---|---|---|"]
    for each in CHANNELS:
        topic = each.address.replace("{", "<").replace("}", ">")
        rows.append(f"| `{topic}` | {each.by} | {each.qos} | {each.retained} | {each.says} |")
    return rows


def _sentence(schema: dict[str, Any]) -> str:
    return " ".join(schema.get("description", "").split())


def _fields(schema: dict[str, Any], only: tuple[str, ...] | None = None) -> list[str]:
    rows = ["| Field | Type | What |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        if only is None or name in only:
            said = field.get("description", "")
            optional = "" if name in schema.get("required", ()) else "may be left out"
            rows.append(f"| `{name}` | {_type(field)} | {'; '.join(filter(None, (said, optional)))} |")
    return rows


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].removeprefix(REFERENCE.format(model=""))
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return _words(field)
    if field.get("type") == "array":
        inner = field.get("items", {})
        return f"list of {_type(inner)}"
    return str(field.get("type", "any JSON value"))


def _words(schema: dict[str, Any]) -> str:
    return ", ".join(f"`{each}`" for each in schema["enum"])
