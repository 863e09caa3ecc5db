"""A profile is taken as a whole or refused as a whole, with one sentence per fault."""

from dataclasses import replace
from pathlib import Path

import pytest

from pumpd.bedside.profile_file import ProfileError, load_profile, read_profile
from pumpd.core import bounds
from pumpd.core.bounds import Measure
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action, Side
from pumpd.core.quantities import NS_PER_S

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "profiles"
DEMO = (SHIPPED / "demo.toml").read_text()


def refusal(tmp_path: Path, old: str, new: str, count: int = 1) -> str:
    assert old in DEMO
    path = tmp_path / "changed.toml"
    path.write_text(DEMO.replace(old, new, count))
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.req("CFG-05")
@pytest.mark.parametrize("name", ["demo", "ketamine-40min"])
def test_the_shipped_profiles_load_unapproved(name: str) -> None:
    profile = load_profile(SHIPPED / f"{name}.toml")
    assert profile.name == name
    assert not profile.approved
    assert profile.simulators_only is (name == "demo")
    assert all(len(rule.citation) >= 8 for rule in profile.rules)


@pytest.mark.req("ALRM-05", "CFG-04")
def test_only_a_profile_for_simulators_may_do_without_a_station(tmp_path: Path) -> None:
    without = DEMO.replace("station_required = true", "station_required = false", 1)
    path = tmp_path / "without.toml"
    path.write_text(without)
    assert not load_profile(path).station_required
    assert all(load_profile(SHIPPED / f"{name}.toml").station_required for name in ("demo", "ketamine-40min"))
    path.write_text(without.replace("simulators_only = true", "simulators_only = false", 1))
    with pytest.raises(ProfileError, match="station_required: only a profile for simulators may do without"):
        load_profile(path)
    assert "station_required: is missing" in refusal(tmp_path, "station_required = true", "")


def in_table(head: str, old: str, new: str) -> tuple[str, str]:
    """Return the table that begins with `head` as it is shipped, and as it is with `old` replaced by `new`."""
    at = DEMO.index(head)
    end = DEMO.find("\n[", at + len(head.split('"')[0]))
    table = DEMO[at : end if end > 0 else len(DEMO)]
    assert old in table
    return table, table.replace(old, new, 1)


def rule(name: str, old: str, new: str) -> tuple[str, str]:
    return in_table(f'[[rule]]\nid = "{name}"', old, new)


def limit(measure: str, old: str, new: str) -> tuple[str, str]:
    return in_table(f'[[drug.limit]]\nof = "{measure}"', old, new)


def vital(table: str, kind: str, old: str, new: str) -> tuple[str, str]:
    return in_table(f'[[{table}]]\nvital = "{kind}"', old, new)


def setting(name: str, old: str, new: str) -> tuple[str, str]:
    (line,) = (line for line in DEMO.splitlines() if line.startswith(f"{name} = {{"))
    assert old in line
    return line, line.replace(old, new, 1)


FORM = {
    "unknown setting": setting("lease", "lease =", "lesae ="),
    "unknown key": ("format = 1", "format = 1\nsurprise = 2"),
    "unknown format": ("format = 1", "format = 2"),
    "no format": ("format = 1\n", ""),
    "missing limit of a rule": ("limit = 150\n", ""),
    "no whole number": ("limit = 150", "limit = 150.5"),
    "unknown side": ('when = ">="', 'when = "=>"'),
    "unknown vital": ('vital = "sbp"', 'vital = "bp"'),
    "unknown action": ('action = "alert"', 'action = "hope"'),
    "salt": ('strength_basis = "base"', 'strength_basis = "salt"'),
    "zero": limit("weight", "[35,", "[0,"),
    "not a number": limit("weight", "[35,", "[nan,"),
    "no TOML": ('name = "demo"', "name = "),
    "unknown measure": ('of = "weight"', 'of = "height"'),
}
FORM_WORDS = {
    "unknown setting": "lease.lesae: is no key that pumpd knows",
    "unknown key": "surprise: is no key that pumpd knows",
    "unknown format": "format",
    "no format": "format: is missing",
    "missing limit of a rule": "rule sbp-high-alert.limit: is missing",
    "no whole number": "rule sbp-high-alert.limit",
    "unknown side": "rule sbp-high-alert.when",
    "unknown vital": "rule sbp-high-alert.vital",
    "unknown action": "rule sbp-high-alert.action",
    "salt": "drug.strength_basis",
    "zero": "drug.limit weight.hard number 1",
    "not a number": "drug.limit weight.hard number 1",
    "no TOML": "no valid TOML",
    "unknown measure": "drug.limit height.of",
}


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize("name", FORM)
def test_a_form_that_is_not_known_refuses_the_whole(tmp_path: Path, name: str) -> None:
    assert FORM_WORDS[name] in refusal(tmp_path, *FORM[name])


@pytest.mark.req("CFG-05")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rule("sbp-high-alert", 'unit = "mmHg"', 'unit = "kPa"'), "rule sbp-high-alert: the unit is mmHg, not kPa"),
        (rule("sbp-high-alert", 'unit = "mmHg"\n', ""), "rule sbp-high-alert: no unit; write unit = 'mmHg'"),
        (rule("spo2-low-end", 'owner = "unassigned"\n', ""), "rule spo2-low-end: no owner"),
        (rule("spo2-low-end", 'owner = "unassigned"', 'owner = " "'), "rule spo2-low-end: no owner"),
        (rule("rr-low-end", "citation = ", 'citation = "" #'), "rule rr-low-end: no citation"),
        (limit("dose-rate", 'unit = "mg/kg/h"', 'unit = "mg/kg/min"'), "the unit is mg/kg/h, not mg/kg/min"),
        (limit("dose", 'owner = "unassigned"\n', ""), "drug.limit dose: no owner"),
        (limit("flow", "citation = ", 'citation = "none" #'), "drug.limit flow: no citation"),
        (setting("lease", 'unit = "s"', 'unit = "ms"'), "lease.lease: the unit is s, not ms"),
        (setting("supervision_pause", ', owner = "unassigned"', ""), "times.supervision_pause: no owner"),
        (setting("stop_latency", 'unit = "ms", ', ""), "lease.stop_latency: no unit"),
        (vital("age", "hr", 'unit = "s"', 'unit = "min"'), "age hr: the unit is s, not min"),
        (vital("start", "dbp", 'unit = "mmHg"', ""), "start dbp: no unit"),
        (vital("resume", "spo2", 'owner = "unassigned"', ""), "resume spo2: no owner"),
        (in_table('[[syringe]]\nname = "BD-60"', 'owner = "unassigned"', ""), "syringe BD-60: no owner"),
        (in_table("[drug]", 'owner = "unassigned"', ""), "drug: no owner"),
    ],
)
def test_a_limit_without_unit_owner_or_citation(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert words in refusal(tmp_path, *change)


@pytest.mark.req("CFG-04", "COMM-07")
@pytest.mark.parametrize("name", list(bounds.SETTINGS))
def test_a_setting_is_bounded_on_both_sides(tmp_path: Path, name: str) -> None:
    bound = bounds.SETTINGS[name]
    (line,) = (line for line in DEMO.splitlines() if line.startswith(f"{name} = {{"))
    shipped = line.split("value = ")[1].split(",")[0]
    for value in (bound.low - 1 if bound.low > 1 else bound.low / 2, bound.high + 1):
        text = refusal(tmp_path, line, line.replace(f"value = {shipped}", f"value = {value}"))
        assert f"{name}: {bounds.plain(value)} {bound.unit} is outside" in text
        assert f"{bounds.plain(bound.low)} to {bounds.plain(bound.high)} {bound.unit}" in text


@pytest.mark.req("CFG-04", "CFG-01")
@pytest.mark.parametrize("measure", list(Measure))
def test_a_limit_of_the_library_is_bounded_on_both_sides(tmp_path: Path, measure: Measure) -> None:
    bound = bounds.DRUG[measure]
    at = DEMO.index(f'of = "{measure.value}"')
    hard = next(line for line in DEMO[at:].splitlines() if line.startswith("hard = "))
    low, high = hard.removeprefix("hard = [").removesuffix("]").split(", ")
    for changed in (f"hard = [{bound.low / 2}, {high}]", f"hard = [{low}, {bound.high * 2}]"):
        assert f"drug.limit {measure.value}: " in refusal(tmp_path, *limit(measure.value, hard, changed))


@pytest.mark.req("CFG-04")
@pytest.mark.parametrize("kind", [VitalKind.SBP, VitalKind.DBP, VitalKind.HR, VitalKind.SPO2])
@pytest.mark.parametrize("step", ["alert", "pause", "end"])
def test_an_age_is_bounded_on_both_sides(tmp_path: Path, kind: VitalKind, step: str) -> None:
    bound = getattr(bounds.AGES[kind], step)
    at = DEMO.index(f'[[age]]\nvital = "{kind.value}"')
    line = next(line for line in DEMO[at:].splitlines() if line.startswith(f"{step} = "))
    for value in (bound.low - 1, bound.high + 1):
        text = refusal(tmp_path, *vital("age", kind.value, line, f"{step} = {value}"))
        assert f"age {kind.value}.{step}: {value} s is outside" in text


@pytest.mark.req("CFG-04")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rule("sbp-high-end", "limit = 180", "limit = 201"), "outside 70 to 200 mmHg"),
        (rule("sbp-low-end", "limit = 80", "limit = 69"), "outside 70 to 200 mmHg"),
        (rule("spo2-very-low-end", "limit = 85", "limit = 79"), "outside 80 to 97 %"),
        (rule("sbp-rise-pause", "limit = 40", "limit = 81"), "outside 1 to 80 mmHg"),
        (rule("sbp-rise-pause", "limit = 40", "limit = 0"), "outside 1 to 80 mmHg"),
        (rule("hr-low-pause", "for_s = 15", "for_s = 61"), "for_s: 61 s is outside 0 to 60 s"),
        (rule("sbp-high-pause", "confirm_within_s = 120", "confirm_within_s = 181"), "181 s is outside 30 to 180 s"),
        (rule("sbp-high-pause", "confirm_within_s = 120", "confirm_within_s = 29"), "29 s is outside 30 to 180 s"),
        (vital("start", "sbp", "low = 90", "low = 69"), "start sbp: 69 mmHg is outside"),
        (vital("resume", "hr", "high = 110", "high = 181"), "resume hr: 181 /min is outside"),
        (("concentration_tolerance_percent = 2.5", "concentration_tolerance_percent = 5.1"), "outside 0.1 to 5 %"),
        (("concentration_tolerance_percent = 2.5", "concentration_tolerance_percent = 0.09"), "outside 0.1 to 5 %"),
        (("diameter_mm = 26.59", "diameter_mm = 40.1"), "outside 4 to 40 mm"),
        (("usable_ml = 60", "usable_ml = 61"), "outside 1 to 60 mL"),
        (rule("hr-low-pause", "for_s = 15", "for_s = 15\nabove_baseline = true"), "only SBP and DBP have a baseline"),
        (rule("hr-low-pause", "for_s = 15", "confirm_within_s = 60"), "confirm_within_s is for cuff values"),
        (rule("sbp-high-alert", 'vital = "sbp"', 'vital = "map"'), "MAP cannot have a rule"),
        (vital("age", "hr", 'vital = "hr"', 'vital = "rr"'), "no age rule is allowed for RR"),
    ],
)
def test_a_value_beyond_its_bound_refuses_the_whole(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert words in refusal(tmp_path, *change)


@pytest.mark.req("CFG-04", "CFG-05")
@pytest.mark.parametrize(
    ("change", "unit"),
    [
        (setting("lease", "value = 5", "value = 5000"), "it looks like milliseconds, write it in s"),
        (setting("supervision_pause", "value = 120", "value = 2"), "it looks like minutes, write it in s"),
        (setting("stop_latency", "value = 500", "value = 0.5"), "it looks like seconds, write it in ms"),
        (setting("spare_volume", "value = 1", "value = 1000"), "it looks like microlitres, write it in mL"),
        (limit("weight", "[35, 150]", "[77, 330]"), "it looks like pounds, write it in kg"),
        (limit("weight", "[35, 150]", "[35, 150000]"), "it looks like grams, write it in kg"),
        (limit("dose-rate", "[0.05, 1.0]", "[0.05, 16.6]"), "it looks like ug/kg/min, write it in mg/kg/h"),
        (limit("dose-per-kg", "[0.1, 1.0]", "[100, 1000]"), "it looks like ug/kg, write it in mg/kg"),
        (limit("duration", "[30, 120]", "[0.5, 2]"), "it looks like hours, write it in min"),
        (limit("duration", "[30, 120]", "[1800, 7200]"), "it looks like seconds, write it in min"),
        (limit("volume", "[1, 60]", "[1, 60000]"), "it looks like microlitres, write it in mL"),
        (limit("flow", "[0.8, 130]", "[0.8, 130000]"), "it looks like uL/h, write it in mL/h"),
        (rule("sbp-high-end", "limit = 180", "limit = 24"), "it looks like kPa, write it in mmHg"),
        (rule("hr-high-end", "limit = 140", "limit = 2"), "it looks like per second, write it in /min"),
        (("diameter_mm = 26.59", "diameter_mm = 2.659"), "it looks like centimetres, write it in mm"),
        (vital("age", "sbp", "pause = 600", "pause = 10"), "it looks like minutes, write it in s"),
    ],
)
def test_a_unit_slip_names_the_unit_that_was_perhaps_meant(tmp_path: Path, change: tuple[str, str], unit: str) -> None:
    assert unit in refusal(tmp_path, *change)


@pytest.mark.req("CFG-05")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        # a rule that can never act
        (rule("sbp-high-pause", "confirm_within_s = 120", ""), None),
        (rule("sbp-high-pause", "limit = 160", "limit = 185"), "rule sbp-high-pause: pause at >= 185 mmHg lies beyond"),
        (rule("sbp-high-pause", "limit = 160", "limit = 180"), "rule sbp-high-pause: it can never act"),
        (rule("spo2-low-pause", "limit = 92", "limit = 90"), "rule spo2-low-pause: it can never act"),
        (rule("hr-low-alert", "limit = 55", "limit = 49"), "rule hr-low-alert: alert at < 49 /min lies beyond"),
        (rule("hr-high-alert", "limit = 110", "limit = 120\nfor_s = 20"), "rule hr-high-alert: it can never act"),
        (rule("spo2-very-low-end", 'action = "end"', 'for_s = 20\naction = "end"'), "spo2-very-low-end: it can never"),
        (rule("sbp-rise-alert", "limit = 30", "limit = 71"), "rule sbp-rise-alert: alert at >= 71 mmHg above baseline"),
        (rule("sbp-rise-pause", "limit = 40", "limit = 69"), None),
        (rule("sbp-rise-pause", "limit = 40", "limit = 70"), "from the lowest baseline 90 mmHg it acts at 160, where"),
        (rule("dbp-rise-pause", "limit = 25", "limit = 60"), "it can never act: even from the lowest baseline 50 mmHg"),
        # a pause without an exit
        (vital("resume", "sbp", "low = 90\nhigh = 150", "low = 165\nhigh = 170"), "a pause for SBP has no exit"),
        (vital("resume", "hr", "low = 50\nhigh = 110", "low = 125\nhigh = 130"), "a pause for HR has no exit"),
        (rule("spo2-low-pause", "limit = 92", "limit = 96"), "allows values at which rule spo2-low-pause"),
        (rule("hr-low-pause", "limit = 50", "limit = 115"), "a pause for HR has no exit"),
        (rule("dbp-rise-pause", "limit = 25", "limit = 6"), None),
        (rule("dbp-rise-pause", "limit = 25", "limit = 5"), "a pause has no exit for a baseline of 50 mmHg"),
        (vital("resume", "sbp", "low = 90", "low = 130"), "a pause has no exit for a baseline of 90 mmHg"),
        (setting("nibp_interval", "value = 300", "value = 420"), "it would alert in every cycle"),
        # contradictions
        (vital("start", "sbp", "low = 90", "low = 89"), "start sbp: the range 89 to 140"),
        (
            vital("start", "hr", "override_high = 110", "override_high = 121"),
            "allows values at which rule hr-high-pause",
        ),
        (vital("start", "hr", "override_high = 110", "override_high = 111"), "wider than the resume range 50 to 110"),
        (vital("start", "hr", "override_high = 110", "override_high = 100"), "override_high 100 /min must lie above"),
        (vital("start", "rr", "low = 10", "low = 24"), "low 24 is not below high 24 /min"),
        (vital("start", "spo2", "low = 95", "low = 95\nhigh = 97"), "SPO2 has no upper limit"),
        (vital("resume", "dbp", "high = 95", "high = 100"), "allows values at which rule dbp-high-pause"),
        (vital("resume", "dbp", "high = 95", "high = 90\noverride_high = 95"), "a resume has no override"),
        (rule("spo2-low-alert", 'when = "<"', 'when = ">"'), "SPO2 has no upper limit, 100 % never alarms"),
        (rule("sbp-rise-alert", 'when = ">="', 'when = "<"'), "a rise above baseline needs when = '>='"),
        (rule("sbp-rise-alert", 'id = "sbp-rise-alert"', 'id = "sbp-high-alert"'), "sbp-high-alert is used twice"),
        (vital("age", "hr", "alert = 5", "alert = 15"), "age hr: alert 15 s, pause 15 s and end 120 s must rise"),
        (vital("age", "dbp", "alert = 420", "alert = 430"), "SBP and DBP come from one cuff reading"),
        (setting("baseline_spacing", "value = 30", "value = 900"), "baseline_spacing: 900 s must be shorter than"),
        (limit("duration", "hard = [30, 120]", "hard = [120, 30]"), "hard limits 120 to 30 min leave nothing"),
        (limit("dose", "soft = [18, 50]", "soft = [50, 50]"), "soft limits 50 to 50 mg leave nothing"),
        (limit("dose", "soft = [18, 50]", "soft = [18, 61]"), "reach beyond the hard limits 3.5 to 60 mg"),
        (limit("dose-rate", "soft = [0.53, 0.8]", "soft = [0.1, 0.2]"), "no order can lie inside the soft limits"),
        (limit("dose", "hard = [3.5, 60]\nsoft = [18, 50]", "hard = [1, 3]\nsoft = [1, 3]"), "inside the hard limits"),
        (("concentrations_mg_ml = [1, 2]", "concentrations_mg_ml = [1, 10]"), "10 mg/mL is an undiluted vial"),
        (("concentrations_mg_ml = [1, 2]", "concentrations_mg_ml = [1, 3]"), "3 mg/mL is outside the hard limits"),
        (in_table('[[syringe]]\nname = "BD-60"', "BD-60", "Terumo-30"), "syringe Terumo-30 is used twice"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, change: tuple[str, str], words: str | None) -> None:
    """None: a change that looks alike and is good."""
    if words is None:
        path = tmp_path / "good.toml"
        path.write_text(DEMO.replace(*change, 1))
        assert read_profile(path).findings == ()
    else:
        assert words in refusal(tmp_path, *change)


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize(
    ("head", "words"),
    [
        *((f'[[drug.limit]]\nof = "{one.value}"', f"no soft and hard limit for {one.value}") for one in Measure),
        *((f'[[age]]\nvital = "{one}"', f"no age limit for {one.upper()}") for one in ("sbp", "dbp", "hr", "spo2")),
        *(
            (f'[[resume]]\nvital = "{one}"', f"no resume range for {one.upper()}")
            for one in ("sbp", "dbp", "hr", "spo2")
        ),
        *(
            (f'[[start]]\nvital = "{one}"', f"no start range for {one.upper()}")
            for one in ("sbp", "dbp", "hr", "spo2", "rr", "moaas")
        ),
    ],
)
def test_a_missing_table_is_refused_by_name(tmp_path: Path, head: str, words: str) -> None:
    table, _ = in_table(head, "", "")
    assert words in refusal(tmp_path, table, "")


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize("name", list(bounds.SETTINGS))
def test_a_missing_setting_is_refused_by_name(tmp_path: Path, name: str) -> None:
    line, _ = setting(name, "", "")
    assert f"{name}: is missing" in refusal(tmp_path, f"{line}\n", "")


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize("kind", ["sbp", "dbp", "hr", "spo2", "rr", "moaas"])
def test_a_limit_that_only_alerts_does_not_count_as_one_that_pauses(tmp_path: Path, kind: str) -> None:
    tables = DEMO.split("\n[[")
    path = tmp_path / "alerts.toml"
    path.write_text("\n[[".join(_alerting(table) if f'vital = "{kind}"' in table else table for table in tables))
    with pytest.raises(ProfileError, match=f"limit that pauses or ends for {kind.upper()}"):
        load_profile(path)


@pytest.mark.req(
    "VIT-02", "VIT-03", "VIT-14", "VIT-15", "VIT-16", "VIT-18", "START-05", "CTRL-05", "CFG-02", "DOSE-14", "START-09"
)
def test_what_is_shown_with_the_demo_profile_holds_for_the_default_one() -> None:
    demo, default = (load_profile(SHIPPED / f"{name}.toml") for name in ("demo", "ketamine-40min"))
    assert default.baseline_spacing_ns == 300 * NS_PER_S
    changed = replace(
        demo,
        name=default.name,
        hash=default.hash,
        simulators_only=False,
        clearance_required=True,
        baseline_spacing_ns=default.baseline_spacing_ns,
    )
    assert changed == default


def _alerting(table: str) -> str:
    return table.replace('action = "pause"', 'action = "alert"').replace('action = "end"', 'action = "alert"')


@pytest.mark.req("CFG-05")
def test_all_findings_are_listed(tmp_path: Path) -> None:
    text = DEMO
    for old, new in (
        setting("lease", "value = 5", "value = 5000"),
        setting("station_lost", "value = 10", "value = 1"),
        rule("hr-low-alert", 'owner = "unassigned"\n', ""),
        limit("weight", "[45, 115]", "[30, 115]"),
        rule("sbp-high-end", "limit = 180", "limit = 201"),
    ):
        text = text.replace(old, new, 1)
    path = tmp_path / "many.toml"
    path.write_text(text)
    assert [finding.where for finding in read_profile(path).findings] == [
        "rule hr-low-alert",
        "lease.lease",
        "times.station_lost",
        "rule sbp-high-end.limit",
        "drug.limit weight",
    ]


DEFAULTS = {
    # requirement VIT-14
    (VitalKind.SBP, Side.AT_OR_ABOVE, 160, False, 0, 120, Action.PAUSE),
    (VitalKind.SBP, Side.AT_OR_ABOVE, 40, True, 0, 120, Action.PAUSE),
    (VitalKind.DBP, Side.AT_OR_ABOVE, 100, False, 0, 120, Action.PAUSE),
    (VitalKind.DBP, Side.AT_OR_ABOVE, 25, True, 0, 120, Action.PAUSE),
    (VitalKind.SBP, Side.BELOW, 90, False, 0, None, Action.PAUSE),
    (VitalKind.SBP, Side.AT_OR_ABOVE, 180, False, 0, None, Action.END),
    (VitalKind.DBP, Side.AT_OR_ABOVE, 110, False, 0, None, Action.END),
    (VitalKind.SBP, Side.BELOW, 80, False, 0, None, Action.END),
    # VIT-15
    (VitalKind.HR, Side.ABOVE, 120, False, 15, None, Action.PAUSE),
    (VitalKind.HR, Side.BELOW, 50, False, 15, None, Action.PAUSE),
    (VitalKind.HR, Side.ABOVE, 140, False, 5, None, Action.END),
    (VitalKind.HR, Side.BELOW, 40, False, 5, None, Action.END),
    # VIT-16
    (VitalKind.SPO2, Side.BELOW, 92, False, 15, None, Action.PAUSE),
    (VitalKind.SPO2, Side.BELOW, 90, False, 10, None, Action.END),
    (VitalKind.SPO2, Side.BELOW, 85, False, 0, None, Action.END),
    # VIT-17
    (VitalKind.RR, Side.BELOW, 10, False, 30, None, Action.PAUSE),
    (VitalKind.RR, Side.ABOVE, 30, False, 30, None, Action.PAUSE),
    (VitalKind.RR, Side.BELOW, 8, False, 15, None, Action.END),
    # VIT-18
    (VitalKind.MOAAS, Side.BELOW, 4, False, 0, None, Action.PAUSE),
    (VitalKind.MOAAS, Side.BELOW, 3, False, 0, None, Action.END),
}


@pytest.mark.req("VIT-02", "VIT-03", "VIT-14", "VIT-15", "VIT-16", "VIT-17", "VIT-18", "START-05")
@pytest.mark.parametrize("name", ["demo", "ketamine-40min"])
def test_the_default_limits_are_those_of_the_requirements(name: str) -> None:
    profile = load_profile(SHIPPED / f"{name}.toml")
    found = {
        (
            one.vital,
            one.side,
            one.limit,
            one.relative,
            one.for_ns // NS_PER_S,
            None if one.confirm_within_ns is None else one.confirm_within_ns // NS_PER_S,
            one.action,
        )
        for one in profile.rules
        if one.action is not Action.ALERT
    }
    assert found == DEFAULTS
    assert {
        one.vital: tuple(value // NS_PER_S for value in (one.alert_ns, one.pause_ns, one.end_ns))
        for one in profile.ages
    } == {
        VitalKind.SPO2: (5, 15, 120),
        VitalKind.HR: (5, 15, 120),
        VitalKind.SBP: (420, 600, 900),
        VitalKind.DBP: (420, 600, 900),
    }
    assert {one.vital: (one.low, one.high, one.override_high) for one in profile.start} == {
        VitalKind.SBP: (90, 140, 150),
        VitalKind.DBP: (50, 90, 95),
        VitalKind.HR: (50, 100, 110),
        VitalKind.SPO2: (95, None, None),
        VitalKind.RR: (10, 24, None),
        VitalKind.MOAAS: (5, None, None),
    }


@pytest.mark.req("CFG-02", "DOSE-07", "START-09")
def test_the_default_library_entry_is_that_of_the_requirements() -> None:
    drug = load_profile(SHIPPED / "ketamine-40min.toml").drug
    limits = {one.measure: (tuple(map(float, one.hard)), tuple(map(float, one.soft))) for one in drug.limits}
    assert limits[Measure.DOSE_PER_KG] == ((0.1, 1.0), (0.4, 0.5))
    assert limits[Measure.DURATION] == ((30, 120), (38, 45))
    assert limits[Measure.WEIGHT] == ((35, 150), (45, 115))
    assert [one[1] for one in limits[Measure.DOSE]] == [60, 50]
    assert [one[1] for one in limits[Measure.DOSE_RATE]] == [1.0, 0.8]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "absent.toml")
