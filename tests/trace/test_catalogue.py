"""The files of `docs/safety/` are taken as a whole or refused with a sentence for each fault."""

from pathlib import Path

import pytest

from tests.trace.project import FILES, make_project
from tools.trace.catalogue import CatalogueError, Stage, load

pytestmark = pytest.mark.req("LOG-05")
ROOT = Path(__file__).parents[2]


def test_the_projects_own_files_agree() -> None:
    found = load(ROOT)
    assert len(found.requirements) == 120
    assert len(found.hazards) == 35


def test_files_that_agree_are_taken_in_their_order(tmp_path: Path) -> None:
    found = load(make_project(tmp_path))
    assert list(found.requirements) == ["DOSE-01", "UI-01"]
    assert list(found.hazards) == ["H-01", "H-02"]
    assert found.waiting["UI-01"].waits_for is Stage.DASHBOARD
    assert found.partly == {}


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("requirements", "proposed = true", "propsed = true", "requirement.0.propsed: Extra inputs"),
        ("requirements", 'source = "a manual"\n', "", "requirement.0.source: Field required"),
        ("requirements", "schema = 1", "schema = 2", "schema: Input should be 1"),
        ("requirements", '"DOSE-01"', '"DOSE-1"', "requirement.0.id"),
        ("requirements", '"UI-01"', '"DOSE-01"', "DOSE-01 is there 2 times"),
        ("requirements", 'hazard = ["H-01"]', "hazard = []", "requirement.0.hazard"),
        ("requirements", 'hazard = ["H-01"]', 'hazard = ["H-01", "H-01"]', "DOSE-01 names H-01 twice"),
        ("requirements", 'hazard = ["H-01"]', 'hazard = ["H-02"]', "DOSE-01 names H-02, which does not name DOSE-01"),
        ("requirements", 'hazard = ["H-01"]', 'hazard = ["H-09"]', "DOSE-01 names H-09, which does not name DOSE-01"),
        ("requirements", "[[requirement]]", "[[requirement]", "requirements.toml: no valid TOML"),
        ("hazards", 'severity = "minor"', 'severity = "none"', "hazard.1.severity"),
        ("hazards", 'id = "H-02"', 'id = "H-01"', "H-01 is there 2 times"),
        ("hazards", '["DOSE-01", "UI-01"]', '["DOSE-01"]', "UI-01 names H-01, which does not name UI-01"),
        ("hazards", '["DOSE-01", "UI-01"]', '["DOSE-01", "UI-01", "UI-02"]', "H-01 names UI-02, which does not name"),
        ("hazards", '["DOSE-01", "UI-01"]', '["DOSE-01", "UI-01", "UI-01"]', "H-01 names UI-01 twice"),
        ("hazards", 'causes = ["a wrong number"]', "causes = []", "hazard.0.causes"),
        ("waiting", '"dashboard"', '"later"', "waiting.0.waits_for"),
        ("waiting", "There is no screen yet.", "", "waiting.0.reason"),
        ("waiting", '"UI-01"', '"UI-07"', "there is no requirement UI-07"),
        ("waiting", "[[waiting]]", "[[wating]]", "wating: Extra inputs"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    text = FILES[f"{name}.toml"]
    assert old in text
    with pytest.raises(CatalogueError) as refused:
        load(make_project(tmp_path, **{name: text.replace(old, new, 1)}))
    assert says in str(refused.value)
    assert f"{name}.toml" in str(refused.value) or "names" in str(refused.value)


def test_a_requirement_waits_once(tmp_path: Path) -> None:
    twice = FILES["waiting.toml"] + FILES["waiting.toml"].partition("\n\n")[2].replace("[[waiting]]", "[[partly]]")
    with pytest.raises(CatalogueError, match=r"waiting\.toml: UI-01 is there 2 times"):
        load(make_project(tmp_path, waiting=twice))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    (root / "docs" / "safety" / "waiting.toml").unlink()
    with pytest.raises(CatalogueError, match=r"waiting\.toml: cannot be read"):
        load(root)
