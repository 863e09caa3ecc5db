"""The codes of an export, each with where it comes from. What no public system has a code for is pumpd's own.

LOINC codes of vital signs: HL7 FHIR R4B, vital signs profiles. ATC: WHO Collaborating Centre, index. MDC: ISO/IEEE
11073-10101, as read in public pump message builders; check them against the nomenclature before they are relied on.
"""

from pumpd.core.ports import VitalKind

Json = dict[str, object]

LOINC, UCUM, ATC = "http://loinc.org", "http://unitsofmeasure.org", "http://www.whocc.no/atc"
MDC = "urn:iso:std:iso:11073:10101"
OWN = "urn:pumpd:codes"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

DRUGS = {"ketamine": ("N01AX03", "ketamine"), "esketamine": ("N01AX14", "esketamine")}
PANEL = ("85354-9", "Blood pressure panel with all children optional")
SIGNS: dict[VitalKind, tuple[tuple[str, str, str], ...]] = {
    VitalKind.SBP: ((LOINC, "8480-6", "Systolic blood pressure"),),
    VitalKind.DBP: ((LOINC, "8462-4", "Diastolic blood pressure"),),
    VitalKind.MAP: ((LOINC, "8478-0", "Mean blood pressure"),),
    VitalKind.HR: ((LOINC, "8867-4", "Heart rate"),),
    VitalKind.SPO2: (
        (LOINC, "2708-6", "Oxygen saturation in Arterial blood"),
        (LOINC, "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
    ),
    VitalKind.RR: ((LOINC, "9279-1", "Respiratory rate"),),
    VitalKind.MOAAS: ((OWN, "moaas", "Modified Observer's Assessment of Alertness/Sedation, 0 to 5"),),
}
UNITS = {
    VitalKind.SBP: ("mmHg", "mm[Hg]"),
    VitalKind.DBP: ("mmHg", "mm[Hg]"),
    VitalKind.MAP: ("mmHg", "mm[Hg]"),
    VitalKind.HR: ("/min", "/min"),
    VitalKind.SPO2: ("%", "%"),
    VitalKind.RR: ("/min", "/min"),
    VitalKind.MOAAS: ("{score}", "{score}"),
}
WEIGHT = ((LOINC, "29463-7", "Body weight"),)
FLOW = ((MDC, "157784", "MDC_FLOW_FLUID_PUMP"), (OWN, "pump-rate", "Rate that the pump was commanded and read back"))
VOLUME = (
    (MDC, "157993", "MDC_VOL_FLUID_DELIV_TOTAL"),
    (OWN, "delivered-volume", "Volume given, as an interval that contains the truth"),
)
MASS = ((OWN, "delivered-dose", "Drug given, as an interval that contains the truth"),)
HOLD = ((OWN, "hold", "Nothing was to flow although the infusion was open"),)
SYMPTOM = ((OWN, "symptom", "Symptom noted during the session"),)


def concept(codings: tuple[tuple[str, str, str], ...]) -> Json:
    """Return a CodeableConcept."""
    return {"coding": [{"system": system, "code": code, "display": display} for system, code, display in codings]}


def own(code: str, words: str) -> Json:
    """Return a CodeableConcept of pumpd's own, with words for people."""
    return {"coding": [{"system": OWN, "code": code}], "text": words}
