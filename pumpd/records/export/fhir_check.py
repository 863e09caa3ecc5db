"""Whether a bundle is FHIR R4B, by the models of fhir.resources. Loaded for an export alone, never by a daemon."""

import json
from decimal import Decimal

from fhir.resources.R4B.bundle import Bundle

from pumpd.records.export.codes import Json


def checked(bundle: Json) -> str:
    """Return the text of a bundle that is valid; raises pydantic's `ValidationError`, a fault of ours."""
    written = json.dumps(bundle, indent=1, ensure_ascii=False, default=_number)
    Bundle.model_validate_json(written)
    return f"{written}\n"


def _number(value: object) -> float | int:
    assert isinstance(value, Decimal)  # noqa: S101 - nothing else is not plain JSON
    return int(value) if value == value.to_integral_value() else float(value)
