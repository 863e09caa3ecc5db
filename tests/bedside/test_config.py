"""The bed's file: what is refused, each in one sentence that names file, key and limit."""

import shutil
from pathlib import Path

import pytest

from pumpd.bedside.config import ConfigError, load_config

REPOSITORY = Path(__file__).resolve().parents[2]

BED = """
bed = "bed1"
site = "site.toml"
profile = "profiles/demo.toml"
journal = "bed1.journal.db"
simulated = true
clinical = false

[pump]
driver = "ne1000"
port = "pump"

[oximeter]
driver = "nonin"
port = "oximeter"

[cuff]
driver = "suntech"
port = "cuff"
"""


@pytest.fixture
def bed(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "config" / "profiles", tmp_path / "profiles")
    shutil.copy(REPOSITORY / "config" / "site.example.toml", tmp_path / "site.toml")
    file = tmp_path / "bed1.toml"
    file.write_text(BED)
    return file


def test_paths_are_relative_to_the_file(bed: Path) -> None:
    config = load_config(bed)
    assert config.pump.port == str(bed.parent / "pump")
    assert config.journal == bed.parent / "bed1.journal.db"
    assert config.profile.name == "demo"


def test_the_example_is_valid(bed: Path) -> None:
    example = bed.parent / "example.toml"
    shutil.copy(REPOSITORY / "config" / "bed.example.toml", example)
    config = load_config(example)
    assert not config.clinical
    assert config.pump.port == "/dev/pumpd/bed1"


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("simulated = true\n", "", "simulated: Field required"),
        ("clinical = false", "clinical = false\nkvo_ml_h = 1", "kvo_ml_h: Extra inputs are not permitted"),
        ('bed = "bed1"', 'bed = "bed9"', "bed bed9 is not in"),
        ('bed = "bed1"', 'bed = "bed/1"', "bed: String should match pattern"),
        ("profiles/demo.toml", "profiles/absent.toml", "cannot be read: No such file"),
        ("site.toml", "absent.toml", "absent.toml"),
        ("simulated = true", "simulated = false", "profile demo is for simulators only"),
        ("[pump]", "[pump", "no valid TOML"),
    ],
)
def test_refusals(bed: Path, old: str, new: str, complaint: str) -> None:
    assert old in BED
    bed.write_text(BED.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        load_config(bed)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "bed1.toml")
