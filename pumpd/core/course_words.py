"""The words of a course of treatment, as they stand on the wire and in the clinic's record. Knows no rule."""

from enum import Enum, unique


@unique
class Indication(Enum):
    """What a course is for; a tag, not a diagnosis."""

    DEPRESSION = "depression"
    ALCOHOL_USE = "alcohol-use"  # watched more strictly for dependence
    OTHER = "other"


@unique
class Gate(Enum):
    """What a named person finds met, with the reference of the clinic's own document."""

    SCREENING = "screening"  # documents show that two or more antidepressants had no effect
    CONSULTATION = "consultation"  # a psychiatrist finds the treatment suitable
    ECG = "ecg"  # recorded, and read by a clinician
    LABS = "labs"  # taken, and read by a clinician
    EXPOSURE = "exposure-review"  # signs of dependence were looked for since the last infusion


@unique
class Meeting(Enum):
    """What is held with a patient outside the infusion."""

    PREPARATORY = "preparatory"
    INTEGRATION = "integration"
    MOOD_CHECK = "mood-check"  # 24 h after an infusion


@unique
class Check(Enum):
    """What is asked on the day of an infusion."""

    CONSENT = "consent"
    ALLERGIES = "allergies"
    FASTING = "fasting"
    ESCORT = "escort"
    PREGNANCY = "pregnancy"
    AIRWAY = "airway-equipment"
    RESCUER = "rescuer"
    CONTRAINDICATIONS = "contraindications"


@unique
class Answer(Enum):
    """What was found."""

    CLEAR = "clear"  # nothing stands against the infusion
    NOT_CLEAR = "not-clear"
    NOT_APPLICABLE = "not-applicable"  # for pregnancy only


@unique
class Scale(Enum):
    """A questionnaire of which the total alone is kept."""

    BDI_II = "BDI-II"


BANDS = ((13, "minimal"), (19, "mild"), (28, "moderate"), (63, "severe"))
"""Upper ends of the bands of a BDI-II total (scoring guides); the last is the highest total there is."""
