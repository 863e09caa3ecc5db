"""A session as a bundle of FHIR R4B: what was given and how it went, with where each resource comes from. Pure.

pumpd knows no patient: the subject is the session's name, which the clinic resolves. What was given is told as an
interval by two Observations and no single `dose`, since no single number is known to be true.
"""

from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from pumpd.core.modes import Mode
from pumpd.core.quantities import NL_PER_ML, text
from pumpd.records.export import codes, observations
from pumpd.records.export.cells import utc
from pumpd.records.export.codes import Json, concept, own
from pumpd.records.report import words
from pumpd.records.summary.model import Outcome, Session, Told

_STATUS = {
    Outcome.COMPLETED: "completed",
    Outcome.ENDED_SHORT: "stopped",
    Outcome.GIVEN_UP: "stopped",
}
_HELD = frozenset({Mode.PAUSED, Mode.STOPPING})


def bundle(told: Told, session: Session) -> Json:
    """Return the bundle."""
    made = _Made(told, session)
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:pumpd:session", "value": session.session},
        "timestamp": utc(session.last_wall_ns),
        "entry": [{"fullUrl": made.url(name), "resource": resource} for name, resource in made.resources()],
    }


def status(session: Session) -> str | None:
    """Return the status of the administration; None while there is nothing to administer yet."""
    if session.outcome is Outcome.NOT_STARTED:
        # an order that nobody has refused or given up may still be started
        return "not-done" if session.mode is Mode.ENDED else None
    if (known := _STATUS.get(session.outcome)) is not None:
        return known
    if session.mode in _HELD:
        return "on-hold"
    if session.mode is Mode.UNKNOWN:
        # the last status that was known: the pump was running or it was held
        before = next((span.mode for span in reversed(session.modes) if span.mode is not Mode.UNKNOWN), Mode.RUNNING)
        return "on-hold" if before in _HELD else "in-progress"
    return "in-progress"


class _Made:
    def __init__(self, told: Told, session: Session) -> None:
        self._told = told
        self._session = session

    def url(self, name: str) -> str:
        """Return the address of a resource: the same for the same session and name, whenever it is made."""
        return f"urn:uuid:{uuid5(NAMESPACE_URL, f'urn:pumpd:{self._session.session}/{name}')}"

    def _to(self, name: str) -> Json:
        return {"reference": self.url(name)}

    def _person(self, user: str) -> Json:
        return {"identifier": {"system": "urn:pumpd:operator", "value": user}, "display": user}

    def resources(self) -> Iterator[tuple[str, Json]]:
        """Yield every resource with its name."""
        session = self._session
        yield "pump", self._pump()
        yield "program", self._program()
        yield "flow", self._metric()
        administered = status(session)
        if administered is not None:
            yield "administration", self._administration(administered)
            yield (
                "provenance-administration",
                self._provenance(
                    "administration", session.last_wall_ns, session.started_by, "the whole administration"
                ),
            )
        common: Json = {"status": "final", "subject": self._subject()}
        for name, observation in observations.of(session):
            device = {"device": self._to("program")}
            yield name, {"resourceType": "Observation", **common, **device, **observation}
        yield from self._flow(common)

    def _subject(self) -> Json:
        return {"identifier": {"system": "urn:pumpd:session", "value": self._session.session}}

    def _pump(self) -> Json:
        pump = self._session.pump
        found: Json = {
            "resourceType": "Device",
            "identifier": [{"system": "urn:pumpd:bed", "value": self._session.bed}],
            "type": concept(((codes.MDC, "69986", "MDC_DEV_PUMP_INFUS_VMD"),)),
        }
        if pump is not None:
            found["deviceName"] = [{"name": pump.model, "type": "model-name"}]
            found["modelNumber"] = pump.model
            found["version"] = [{"value": pump.firmware}]
            if pump.serial is not None:
                found["serialNumber"] = pump.serial
        return found

    def _program(self) -> Json:
        return {
            "resourceType": "Device",
            "deviceName": [{"name": "pumpd", "type": "user-friendly-name"}],
            "version": [{"value": program} for program in self._session.programs],
            "note": [{"text": "not a certified medical device"}],
        }

    def _metric(self) -> Json:
        return {
            "resourceType": "DeviceMetric",
            "type": concept(codes.FLOW),
            "unit": concept(((codes.UCUM, "mL/h", "mL/h"),)),
            "source": self._to("pump"),
            "category": "setting",
        }

    def _administration(self, administered: str) -> Json:
        session, order = self._session, self._session.order
        numerator, denominator = order.concentration.ng_per_nl.as_integer_ratio()
        drug = codes.DRUGS.get(order.drug)
        medication: Json = {"text": f"{order.drug} {text(numerator, denominator, 3)} mg/mL"}
        if drug is not None:
            medication["coding"] = [{"system": codes.ATC, "code": drug[0], "display": drug[1]}]
        low, high = (
            words.low_dose(order.concentration, session.low_nl),
            words.high_dose(order.concentration, session.high_nl),
        )
        people = {order.prepared_by, session.confirmed_by, session.started_by} - {None}
        found: Json = {
            "resourceType": "MedicationAdministration",
            "identifier": [{"system": "urn:pumpd:session", "value": session.session}],
            "status": administered,
            "medicationCodeableConcept": medication,
            "subject": self._subject(),
            "effectivePeriod": self._period(session.zero_wall_ns, session.over_wall_ns),
            "performer": [{"actor": self._person(user)} for user in sorted(filter(None, people))],
            "device": [self._to("pump")],
            "dosage": {
                "text": f"given between {low[0]} ({low[1]}) and {high[0]} ({high[1]})",
                "route": own("intravenous-infusion", "intravenous infusion"),
                "rateQuantity": observations.quantity(order.rate_nl_h, NL_PER_ML, "mL/h"),
            },
            "supportingInformation": [self._to("delivered-dose"), self._to("delivered-volume")],
        }
        cautions = [
            *(["simulated: no patient was infused"] if session.simulated else []),
            *([] if session.profile.approved else ["unapproved limits"]),
            *([] if self._told.broken is None else [f"broken record: {self._told.broken}"]),
        ]
        if cautions:
            found["note"] = [{"text": caution} for caution in cautions]
        if administered in {"stopped", "not-done", "on-hold"}:
            found["statusReason"] = [{"text": _reason(session)}]
        return found

    def _period(self, since_wall_ns: int, until_wall_ns: int | None) -> Json:
        end: Json = {} if until_wall_ns is None else {"end": utc(until_wall_ns)}
        return {"start": utc(since_wall_ns), **end}

    def _flow(self, common: Json) -> Iterator[tuple[str, Json]]:
        """Yield each rate and each hold, and for each who or what made it so."""
        session = self._session
        for number, rate in enumerate(session.rates, 1):
            name = f"rate-{number}"
            yield (
                name,
                {
                    "resourceType": "Observation",
                    **common,
                    "code": concept(codes.FLOW),
                    "focus": [self._to("flow")],
                    "effectivePeriod": self._period(rate.since_wall_ns, rate.until_wall_ns),
                    "valueQuantity": observations.quantity(rate.commanded_nl_h, NL_PER_ML, "mL/h"),
                    "component": [
                        {
                            "code": own("counted-volume", "counted by the pump at this rate"),
                            "valueQuantity": observations.quantity(rate.counted_nl, NL_PER_ML, "mL"),
                        }
                    ],
                },
            )
            yield f"provenance-{name}", self._provenance(name, rate.since_wall_ns, rate.by, "a rate began")
        for number, pause in enumerate(session.pauses, 1):
            name = f"hold-{number}"
            yield (
                name,
                {
                    "resourceType": "Observation",
                    **common,
                    "code": concept(codes.HOLD),
                    "focus": [self._to("flow")],
                    "effectivePeriod": self._period(pause.since_wall_ns, pause.until_wall_ns),
                    "valueCodeableConcept": {
                        "coding": [{"system": codes.OWN, "code": rule} for rule in pause.rules],
                        "text": pause.cause,
                    }
                    if pause.rules
                    else {"text": pause.cause},
                },
            )
            yield f"provenance-{name}", self._provenance(name, pause.since_wall_ns, pause.by, "the infusion was held")
            if pause.resumed_by is not None and pause.until_wall_ns is not None:
                yield (
                    f"provenance-{name}-resumed",
                    self._provenance(name, pause.until_wall_ns, pause.resumed_by, "the infusion was resumed"),
                )

    def _provenance(self, name: str, wall_ns: int, user: str | None, activity: str) -> Json:
        head = self._told.head
        who = {"display": "pumpd", **self._to("program")} if user is None else self._person(user)
        return {
            "resourceType": "Provenance",
            "target": [self._to(name)],
            "occurredDateTime": utc(wall_ns),
            "recorded": utc(wall_ns),
            "activity": {"text": activity},
            "agent": [{"who": who}],
            "entity": [
                {
                    "role": "source",
                    "what": {
                        "identifier": {"system": "urn:pumpd:journal", "value": self._told.identity.journal_id},
                        "display": f"chain head {head.seq}:{head.hash}",
                    },
                }
            ],
        }


def _reason(session: Session) -> str:
    return session.halt_cause or "the record does not say"
