"""Facts about the repository itself that no other tool checks."""

import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Every file that is in git or could be added to it."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip(f"not a git checkout: {listing.stderr.strip()}")
    paths = [Path(name) for name in listing.stdout.split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


def test_every_package_is_typed() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages
    assert [name for name in packages if not (ROOT / name / "py.typed").is_file()] == []


# Built from pieces, so that this file is not its own first finding.
REGISTRIES = ("pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org")
FORBIDDEN = {
    "a package registry": re.compile("|".join(map(re.escape, REGISTRIES))),
    "a home path": re.compile(r"(?<![\w.~-])/(?:home|Users)/\w|(?<![\w.~-])/roo[t]/"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str, files: list[Path]) -> None:
    found = []
    for path in files:
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
            if FORBIDDEN[what].search(line):
                found.append(f"{path}:{number}: {line.strip()[:100]}")
    assert found == []


def test_readme_explains_every_top_level_folder(files: list[Path]) -> None:
    readme = (ROOT / "README.md").read_text()
    folders = {path.parts[0] for path in files if len(path.parts) > 1 and not path.parts[0].startswith(".")}
    assert sorted(folder for folder in folders if f"{folder}/" not in readme) == []


def test_version_is_the_same_everywhere() -> None:
    declared = PROJECT["project"]["version"]
    assert version("pumpd") == declared, "run 'make setup': the installed version is an old one"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog
    assert next(iter(re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)), declared) == declared


def test_every_declared_dependency_is_pinned_with_hashes() -> None:
    pins: dict[str, str] = {}
    for block in re.split(r"\n(?=\w)", (ROOT / "constraints.txt").read_text()):
        if pin := re.match(r"([\w-]+)==([^ ]+) ", block):
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), f"{pin[1]} has no hash"
            pins[pin[1]] = pin[2]
    declared = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["analysis"],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    for requirement in map(Requirement, declared):
        assert requirement.name in pins, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(pins[requirement.name]), f"{requirement} against {pins[requirement.name]}"


def test_import_contracts_name_every_module_of_the_core() -> None:
    inner = {path.stem for path in (ROOT / "pumpd" / "core").glob("*.py")} - {"__init__", "ports", "quantities"}
    contracts = {contract["name"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
    for name in (
        "Drivers see the core's ports and quantities only",
        "Simulated devices never share a codec with the drivers",
    ):
        forbidden = set(contracts[name]["forbidden_modules"])
        assert {f"pumpd.core.{module}" for module in inner} - forbidden == set(), name
