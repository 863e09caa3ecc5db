"""How each mark of a chart looks, in every form of a report. Told apart also in grey: by dash, weight and shape."""

from collections.abc import Mapping
from dataclasses import dataclass

from pumpd.records.report.chart import Ink


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colour as red, green, blue; width and dashes in mm."""

    colour: tuple[int, int, int]
    width_mm: float = 0.3
    dash_mm: tuple[float, float] | None = None

    @property
    def hex(self) -> str:
        """The colour for a page."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


LOOKS: Mapping[Ink, Look] = {
    Ink.FIRST: Look(colour=(20, 80, 150), width_mm=0.4),
    Ink.SECOND: Look(colour=(0, 110, 80), width_mm=0.4, dash_mm=(1.2, 0.7)),
    Ink.THIRD: Look(colour=(90, 90, 90)),
    Ink.BAND: Look(colour=(150, 185, 220)),
    Ink.PAUSE: Look(colour=(255, 233, 170)),
    Ink.GAP: Look(colour=(200, 30, 30)),
    Ink.PAUSE_LIMIT: Look(colour=(170, 85, 0), width_mm=0.25, dash_mm=(1.6, 1.0)),
    Ink.END_LIMIT: Look(colour=(170, 0, 30), width_mm=0.35, dash_mm=(0.6, 0.6)),
    Ink.GRID: Look(colour=(222, 226, 230), width_mm=0.15),
    Ink.AXIS: Look(colour=(80, 88, 96), width_mm=0.25),
    Ink.TEXT: Look(colour=(25, 30, 36)),
}
