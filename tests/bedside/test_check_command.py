"""`pumpd check-config` and `pumpd approve`: every finding, one page to sign, and two people over one hash."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd import cli
from pumpd.bedside.approvals import approvals_path
from pumpd.bedside.config import Config, clinical_faults, load_config
from pumpd.bedside.profile_file import ProfileError, load_profile, read_profile
from pumpd.bedside.versions import program_hash, versions_of
from pumpd.core.profile import Approval, Signer, approves
from tests.bedside.test_config import BED, REPOSITORY

CLINIC = REPOSITORY / "config" / "profiles" / "ketamine-40min.toml"
Pumpd = Callable[..., tuple[int, str]]


@pytest.fixture
def pumpd(capsys: pytest.CaptureFixture[str]) -> Pumpd:
    def run(*words: object) -> tuple[int, str]:
        status = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out + err

    return run


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A profile whose limits have an owner."""
    path = tmp_path / "clinic.toml"
    path.write_text(CLINIC.read_text().replace("unassigned", "Dr C. Example"))
    return path


@pytest.fixture
def bed(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "config" / "profiles", tmp_path / "profiles")
    shutil.copy(REPOSITORY / "config" / "site.example.toml", tmp_path / "site.toml")
    file = tmp_path / "bed1.toml"
    file.write_text(BED)
    return file


def hash_of(path: Path) -> str:
    return load_profile(path).hash


def approve(pumpd: Pumpd, path: Path, name: str, role: str, quoted: str | None = None) -> tuple[int, str]:
    return pumpd("approve", path, "--by", name, "--role", role, "--hash", quoted or hash_of(path))


# ---- check-config ---------------------------------------------------------------------------------------------------


def test_it_tells_which_file_is_which(pumpd: Pumpd, bed: Path) -> None:
    status, said = pumpd("check-config", bed.parent / "profiles" / "demo.toml", bed.parent / "site.toml", bed)
    assert status == 0
    assert "demo.toml: profile, demo version 1, hash " in said
    assert "site.toml: site, 4 operators, beds bed1: ok" in said
    assert "bed1.toml: bed, bed1, simulated, profile demo: ok" in said


@pytest.mark.req("CFG-05")
@pytest.mark.parametrize("name", ["demo", "ketamine-40min"])
def test_the_shipped_profiles_are_good(pumpd: Pumpd, name: str) -> None:
    status, said = pumpd("check-config", CLINIC.with_name(f"{name}.toml"))
    assert status == 0
    assert "finding" not in said


@pytest.mark.req("CFG-05")
def test_every_finding_of_every_file_is_listed(pumpd: Pumpd, bed: Path) -> None:
    profile = bed.parent / "profiles" / "demo.toml"
    profile.write_text(profile.read_text().replace("limit = 180", "limit = 201").replace("version = 1\n", "", 1))
    site = bed.parent / "site.toml"
    site.write_text("colour = 1\nsize = 2\n" + site.read_text())
    bed.write_text(BED.replace('driver = "nonin"', 'driver = "none"').replace('bed = "bed1"', 'bed = "bed9"'))
    status, said = pumpd("check-config", profile, site, bed)
    assert status == 1
    assert "demo.toml: profile: 1 finding\n  - version: is missing" in said
    assert "site.toml: site: 2 findings\n  - colour is no key" in said
    assert "bed1.toml: bed: 3 findings\n  - there is no oximeter driver 'none'" in said


@pytest.mark.parametrize(
    ("text", "words"), [("x = 1", "no profile, site or bed file"), ("x =", "no valid TOML"), (None, "cannot be read")]
)
def test_what_is_no_file_of_pumpd(pumpd: Pumpd, tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "other.toml"
    if text is not None:
        path.write_text(text)
    status, said = pumpd("check-config", path)
    assert status == 1
    assert words in said


# ---- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.req("CFG-05")
@pytest.mark.parametrize("name", ["demo", "ketamine-40min"])
def test_the_summary_is_one_page_with_every_limit(pumpd: Pumpd, name: str) -> None:
    path = CLINIC.with_name(f"{name}.toml")
    status, page = pumpd("check-config", "--summary", path)
    lines = page.splitlines()
    assert status == 0
    assert len(lines) <= 66
    assert max(map(len, lines)) <= 100
    profile = load_profile(path)
    assert profile.hash in lines[0]
    for rule in profile.rules:
        assert (f"+{rule.limit}" if rule.relative else f"{rule.side.value}{rule.limit}") in page
    for limit in profile.drug.limits:
        assert any(line.strip().startswith(limit.measure.value) and limit.measure.unit in line for line in lines)
    assert sum("signature ____" in line for line in lines) == 2
    assert "UNAPPROVED until" in page or name == "demo"
    assert "FOR SIMULATORS ONLY" in page or name != "demo"


def test_a_profile_with_findings_has_no_page(pumpd: Pumpd, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(CLINIC.read_text().replace("limit = 180", "limit = 201"))
    status, said = pumpd("check-config", "--summary", path)
    assert (status, "1 finding" in said, "signature" in said) == (1, True, False)


def test_what_does_not_fit_on_a_page_is_not_cut_off(pumpd: Pumpd, tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    long = '[[rule]]\nid = "hr-{0}"\nvital = "hr"\nwhen = ">"\nlimit = {0}\nunit = "/min"\nclear_by = 5\nfor_s = {1}\n'
    rest = 'action = "alert"\nowner = "unassigned"\ncitation = "a test of length"\n\n'
    rules = "".join(long.format(limit, 115 - limit) + rest for limit in range(70, 109))
    path.write_text(CLINIC.read_text().replace("[[age]]", f"{rules}[[age]]", 1))
    status, said = pumpd("check-config", "--summary", path)
    assert status == 1
    assert "a page has 66" in said


# ---- approval -------------------------------------------------------------------------------------------------------


@pytest.mark.req("CFG-05")
def test_two_people_over_one_hash_approve(pumpd: Pumpd, clinic: Path) -> None:
    assert not load_profile(clinic).approved
    status, said = approve(pumpd, clinic, "Dr Clara Example", "prescriber")
    assert status == 0
    assert "not approved yet" in said
    assert not load_profile(clinic).approved
    status, said = approve(pumpd, clinic, "Anna Muster", "nurse")
    assert status == 0
    assert said.strip().endswith("is approved")
    profile = load_profile(clinic)
    assert profile.approved
    assert [approval.name for approval in profile.approvals] == ["Dr Clara Example", "Anna Muster"]
    status, said = pumpd("check-config", clinic)
    assert "approved by Dr Clara Example (prescriber), Anna Muster (nurse)" in said


@pytest.mark.req("CFG-05")
def test_any_edit_voids_the_approval_and_leaves_the_record(pumpd: Pumpd, clinic: Path) -> None:
    approve(pumpd, clinic, "Dr Clara Example", "prescriber")
    approve(pumpd, clinic, "Anna Muster", "nurse")
    before = approvals_path(clinic).read_bytes()
    clinic.write_text(clinic.read_text() + "\n# a remark\n")
    assert not load_profile(clinic).approved
    status, said = pumpd("check-config", clinic)
    assert status == 0
    assert said.count("void: ") == 2
    approve(pumpd, clinic, "Dr Clara Example", "prescriber")
    assert not load_profile(clinic).approved
    assert approvals_path(clinic).read_bytes().startswith(before)


@pytest.mark.req("CFG-05")
def test_what_is_no_approval(pumpd: Pumpd, clinic: Path) -> None:
    signed = hash_of(clinic)
    clinic.write_text(clinic.read_text().replace("limit = 180", "limit = 179"))
    for name, role, quoted, words in (
        ("Dr Clara Example", "prescriber", signed, "the profile now has"),
        ("", "prescriber", None, "no full name"),
        ('A "quote"', "prescriber", None, "no full name"),
        ("A\nB", "nurse", None, None),
    ):
        status, said = approve(pumpd, clinic, name, role, quoted)
        assert (status == 0) is (words is None)
        assert (words or "") in said
    assert approve(pumpd, clinic, "a  b", "prescriber")[0] == 1, "the same person"
    assert not load_profile(clinic).approved


@pytest.mark.req("CFG-05")
def test_what_cannot_be_approved(pumpd: Pumpd, tmp_path: Path) -> None:
    path = tmp_path / "unowned.toml"
    path.write_text(CLINIC.read_text())
    assert "have owner 'unassigned'" in approve(pumpd, path, "Dr Clara Example", "prescriber")[1]
    path.write_text(CLINIC.with_name("demo.toml").read_text())
    assert "simulators only" in approve(pumpd, path, "Dr Clara Example", "prescriber")[1]
    path.write_text(CLINIC.read_text().replace("limit = 180", "limit = 201"))
    assert "1 finding" in approve(pumpd, path, "Dr Clara Example", "prescriber", "0" * 16)[1]
    assert not approvals_path(path).exists()


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize("text", ["[[approval]]\nname = 1\n", "x", "x = 1\n", "[[approval]]\n" * 40_000])
def test_a_spoilt_record_blocks_the_profile(clinic: Path, text: str) -> None:
    approvals_path(clinic).write_text(text)
    with pytest.raises(ProfileError, match="the approvals"):
        load_profile(clinic)


@pytest.mark.req("CFG-05")
@given(st.lists(st.tuples(st.sampled_from(["Ann Example", "ann  example", "Ben Example"]), st.sampled_from(Signer))))
def test_approval_takes_two_people_and_a_prescriber(signed: list[tuple[str, Signer]]) -> None:
    given_by = tuple(Approval(name=name, role=role, at_utc="2026-11-23T10:00:00Z") for name, role in signed)
    both = {name.split()[0].lower() for name, _ in signed} == {"ann", "ben"}
    assert approves(given_by) is (both and any(role is Signer.PRESCRIBER for _, role in signed))


# ---- clinical mode --------------------------------------------------------------------------------------------------


@pytest.mark.req("CFG-05", "CFG-07")
def test_clinical_mode_names_everything_that_is_missing(pumpd: Pumpd, bed: Path) -> None:
    bed.write_text(BED.replace("clinical = false", "clinical = true"))
    status, said = pumpd("check-config", bed)
    assert status == 1
    assert "bed1.toml: bed: 6 findings" in said
    for words in (
        "forbids its use on humans",
        "a simulated session is never clinical",
        "is not approved by two named people",
        "program pumpd",
        "library ketamine",
        "profile demo",
    ):
        assert words in said


@pytest.mark.req("CFG-07")
@pytest.mark.parametrize("what", ["program", "library", "profile"])
def test_the_site_accepts_each_version_by_its_hash(bed: Path, what: str) -> None:
    config = load_config(bed)
    assert len(unaccepted(config)) == 3
    lines = [
        f'[[accepted]]\nwhat = "{one.what}"\nname = "{one.name}"\nversion = "{one.version}"\nhash = "{one.hash}"\n'
        f'by = "Dr Clara Example"\n'
        for one in config.versions
    ]
    site = bed.parent / "site.toml"
    good = site.read_text()
    site.write_text("\n".join([good, *lines]))
    assert unaccepted(load_config(bed)) == []
    (mine,) = (one for one in config.versions if one.what == what)
    changed = f"{int(mine.hash[0], 16) ^ 1:x}{mine.hash[1:]}"
    site.write_text("\n".join([good, *lines]).replace(mine.hash, changed))
    (complaint,) = unaccepted(load_config(bed))
    assert f"{what} {mine.name} {mine.version} ({mine.hash}) is not on the list" in complaint


def unaccepted(config: Config) -> list[str]:
    return [fault for fault in clinical_faults(config) if "is not on the list" in fault]


@pytest.mark.req("CFG-07")
def test_versions_follow_their_content(bed: Path) -> None:
    first = load_config(bed).versions
    assert first[0].hash == program_hash()
    profile = bed.parent / "profiles" / "demo.toml"
    profile.write_text(profile.read_text().replace("limit = 180", "limit = 179"))
    second = load_config(bed).versions
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, True, False]
    profile.write_text(profile.read_text().replace("hard = [35, 150]", "hard = [36, 150]"))
    third = load_config(bed).versions
    assert [a == b for a, b in zip(second, third, strict=True)] == [True, False, False]


@pytest.mark.req("CFG-05")
def test_an_approved_profile_is_no_longer_a_fault(pumpd: Pumpd, bed: Path, clinic: Path) -> None:
    config = load_config(bed)
    assert any("not approved" in fault for fault in clinical_faults(config))
    approve(pumpd, clinic, "Dr Clara Example", "prescriber")
    approve(pumpd, clinic, "Anna Muster", "nurse")
    approved = load_profile(clinic)
    faults = clinical_faults(replace(config, profile=approved, versions=versions_of(approved)))
    assert not any("not approved" in fault for fault in faults)
    assert read_profile(clinic).findings == ()
