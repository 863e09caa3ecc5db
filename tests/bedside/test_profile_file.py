"""A profile is taken as a whole or refused as a whole, with one sentence per fault."""

from dataclasses import replace
from pathlib import Path

import pytest

from pumpd.bedside.profile_file import ProfileError, load_profile
from pumpd.core.profile import BOUNDS
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


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lease_s = 5", "lease_s = 5\nlesae_s = 6", "lesae_s"),
        ("lease_s = 5\n", "", "lease_s"),
        ("limit = 150\n", "", "limit"),
        ("limit = 150", "limit = 150.5", "limit"),
        ('unit = "mmHg"', 'unit = "kPa"', "the unit of SBP is mmHg, not kPa"),
        ('unit = "mmHg"\n', "", "unit"),
        ('citation = "NCT05803551"', 'citation = ""', "citation"),
        ('owner = "unassigned"\n', "", "owner"),
        ('when = ">="', 'when = "=>"', "when"),
        ('vital = "sbp"', 'vital = "bp"', "vital"),
        ('vital = "sbp"', 'vital = "map"', "MAP cannot have a rule"),
        ('action = "alert"', 'action = "hope"', "action"),
        ('strength_basis = "base"', 'strength_basis = "salt"', "strength_basis"),
        ('id = "sbp-rise-alert"', 'id = "sbp-high-alert"', "sbp-high-alert is used twice"),
        ("limit = 180", "limit = 201", "outside 70 to 200 mmHg"),
        ("limit = 80\n", "limit = 69\n", "outside 70 to 200 mmHg"),
        ("limit = 85", "limit = 79", "outside 80 to 97 %"),
        ('limit = 40\nunit = "mmHg"\nabove', 'limit = 81\nunit = "mmHg"\nabove', "outside 1 to 80"),
        ("for_s = 15\n", "for_s = 15\nabove_baseline = true\n", "only SBP and DBP have a baseline"),
        ("for_s = 15\n", "for_s = 15\nconfirm_within_s = 60\n", "confirm_within_s is for cuff values"),
        ("alert_s = 5\npause_s = 15", "alert_s = 5\npause_s = 31", "outside 5 to 30 s"),
        ("alert_s = 5\npause_s = 15", "alert_s = 5\npause_s = 4", "outside 5 to 30 s"),
        ("alert_s = 5\npause_s = 15", "alert_s = 15\npause_s = 15", "must rise"),
        ("worst_extra_percent_max = 1", "worst_extra_percent_max = 1.1", "worst_extra_percent_max"),
        ("weight_kg_hard = [35, 150]", "weight_kg_hard = [0, 150]", "weight_kg_hard"),
        ("diameter_mm = 26.59", "diameter_mm = 265.9", "diameter_mm"),
        ('name = "demo"', "name = ", "no valid TOML"),
    ],
)
@pytest.mark.req("CFG-03", "CFG-04")
def test_each_fault_refuses_the_whole(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in refusal(tmp_path, old, new)


@pytest.mark.req("CFG-04", "COMM-01", "COMM-07")
@pytest.mark.parametrize("name", [name for name in BOUNDS if name.endswith("_ns") and name != "stop_latency_ns"])
def test_times_outside_the_compiled_bounds_are_refused_on_both_sides(tmp_path: Path, name: str) -> None:
    field = f"{name[:-3]}_s"
    (line,) = (line for line in DEMO.splitlines() if line.startswith(f"{field} = "))
    bound = BOUNDS[name]
    for value in (bound.low // NS_PER_S - 1, bound.high // NS_PER_S + 1):
        assert f"{name} is" in refusal(tmp_path, line, f"{field} = {value}")


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize(
    ("start", "words"),
    [
        ('[[age]]\nvital = "spo2"', "no age limit for SPO2"),
        ('[[resume]]\nvital = "hr"', "no resume range for HR"),
        ('[[start]]\nvital = "sbp"', "no start range for SBP"),
    ],
)
def test_a_missing_table_is_refused_by_name(tmp_path: Path, start: str, words: str) -> None:
    at = DEMO.index(start)
    end = DEMO.find("\n[[", at + 1)
    assert words in refusal(tmp_path, DEMO[at : end if end > 0 else len(DEMO)], "")


@pytest.mark.req("CFG-03")
def test_a_limit_that_only_alerts_does_not_count_as_one_that_pauses(tmp_path: Path) -> None:
    text = DEMO
    for rule in ("hr-low-pause", "hr-low-end"):
        at = text.index(f'id = "{rule}"')
        text = text[:at] + text[at:].replace('action = "pause"', 'action = "alert"', 1).replace(
            'action = "end"', 'action = "alert"', 1
        )
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match="no absolute < limit that pauses or ends for HR"):
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
        baseline_spacing_ns=default.baseline_spacing_ns,
    )
    assert changed == default


@pytest.mark.req("CFG-03")
def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "absent.toml")
