"""The pictures of the documents are there, are shown somewhere, and are small."""

from pathlib import Path

from tests.browser.screenshots import FOLDER

NAMES = {"ward", "bed-running", "paused", "unknown-outcome", "link-lost", "phone", "courses", "course", "course-trend"}
GUIDES = ("nurse-guide.md", "clinic-guide.md")
MOST_BYTES = 150_000


def test_every_picture_is_there_small_and_shown_in_a_guide() -> None:
    guides = "".join((FOLDER.parent / name).read_text(encoding="utf-8") for name in GUIDES)
    pictures: dict[str, Path] = {path.stem: path for path in FOLDER.glob("*.png")}
    assert set(pictures) == NAMES
    for name, path in pictures.items():
        assert path.stat().st_size <= MOST_BYTES, name
        assert f"screenshots/{name}.png" in guides
