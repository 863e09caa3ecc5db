"""The kinds of topic with who says what on them: models and topics put side by side, as neither knows the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pumpd.mqtt import course_payloads, payloads, vitals_intake
from pumpd.mqtt.topics import RESERVED_BED, ROOT

REFERENCE = "#/components/schemas/{model}"
REQUESTS: tuple[type[BaseModel], ...] = payloads.AnyRequest.__args__
COURSE_REQUESTS: tuple[type[BaseModel], ...] = course_payloads.AnyCourseRequest.__args__


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One kind of topic."""

    name: str
    address: str
    """`{bed}` and the like stand for one level."""
    by: str
    """Who publishes."""
    models: tuple[type[BaseModel], ...]
    qos: int
    retained: str
    says: str

    @property
    def parameters(self) -> list[str]:
        """What varies in the address."""
        return [level[1:-1] for level in self.address.split("/") if level.startswith("{")]


def _said(name: str, tail: str, model: type[payloads.Message], says: str, by: str = "daemon") -> Channel:
    return Channel(
        name=name,
        address=f"{ROOT}/{{bed}}/{tail}",
        by=by,
        models=(model,),
        qos=model.qos,
        retained="yes" if model.retained else "no",
        says=says,
    )


CHANNELS: tuple[Channel, ...] = (
    _said("status", "status", payloads.Status, "whether the daemon is connected; its last will. No proof of life"),
    _said("heartbeat", "heartbeat", payloads.Heartbeat, "once a second. The only proof of life, with the token"),
    _said("state", "state", payloads.State, "everything a screen shows, at each change and once a second"),
    _said("alarms", "alarms", payloads.Alarms, "all alarms that stand or wait for somebody to note them"),
    _said("profile", "profile", payloads.ProfilePayload, "the limits in force, whole, with who approved them"),
    _said("vitals", "vitals/{kind}", payloads.Vital, "one vital sign as it came"),
    _said("event", "event", payloads.EventLine, "one line of the record"),
    _said("ack", "ack/{user}", payloads.Ack, "what became of a command of this user"),
    Channel(
        name="request",
        address=f"{ROOT}/{{bed}}/cmd/{{user}}/request",
        by="operator",
        models=REQUESTS,
        qos=1,
        retained="never",
        says="a command; the broker lets this user alone publish here, so the topic says who asks",
    ),
    _said(
        "clearance",
        "clearance",
        payloads.Clearance,
        "one patient may be infused here today; an empty message takes it back",
        by="clinic",
    ),
    Channel(
        name="course-request",
        address=f"{ROOT}/{RESERVED_BED}/cmd/{{user}}/request",
        by="operator",
        models=COURSE_REQUESTS,
        qos=1,
        retained="never",
        says="what a person asks of the clinic's process; ids are opaque, no patient is named",
    ),
    Channel(
        name="course-answer",
        address=f"{ROOT}/{RESERVED_BED}/ack/{{user}}",
        by="clinic",
        models=(course_payloads.CourseAnswer,),
        qos=course_payloads.CourseAnswer.qos,
        retained="no",
        says="what became of it, and the courses that were asked for",
    ),
    _said("station", "station/{user}", payloads.StationBeat, "once a second: this screen is watched", by="operator"),
    Channel(
        name="input",
        address=f"{ROOT}/{{bed}}/in/{{source}}/{{kind}}",
        by="source",
        models=(vitals_intake.Measured, vitals_intake.Button),
        qos=1,
        retained="never",
        says="a measurement, or the patient's comfort button",
    ),
    Channel(
        name="input_status",
        address=f"{ROOT}/{{bed}}/in/{{source}}/status",
        by="source",
        models=(vitals_intake.SourceStatus,),
        qos=1,
        retained="yes",
        says="whether a source is there; its last will",
    ),
)
"""Every kind of topic that carries something today."""

PARAMETERS = {
    "bed": "the bed; `clinic` is reserved",
    "user": "an operator's account",
    "kind": "of a vital sign or an input",
    "source": "a source's account",
}


def schemas() -> Mapping[str, Any]:
    """Return the JSON Schema of every model by name: the daemon's as it sends them, others' as it reads them."""
    ours: list[tuple[type[BaseModel], Any]] = []
    for channel in CHANNELS:
        mode = "serialization" if channel.by == "daemon" else "validation"
        ours += [(model, mode) for model in channel.models]
    _, found = models_json_schema(ours, ref_template=REFERENCE)
    return dict(sorted(found["$defs"].items()))
