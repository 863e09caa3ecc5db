"""A report as a PDF of A4 pages: text that can be searched, charts as vectors. Knows blocks, not sessions."""

from dataclasses import dataclass
from itertools import zip_longest

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, XPos, YPos

from pumpd.records.report.document import Block, Caution, Code, Document, Facts, Figure, Heading, Remark, Table
from pumpd.records.report.layout import HEIGHT_MM, Item, Path, Words, layout
from pumpd.records.report.qr import modules
from pumpd.records.report.style import LOOKS, Look

MARGIN_MM = 14.0
FOOT_MM = 14.0
LINE_MM = 4.0
FACT_MM = 36.0
QR_MM = 42.0
HEADING_MM = 11.0
LEAST_MM = 14.0
FONT = "Helvetica"
POINTS = {"title": 16.0, "heading": 11.5, "text": 9.0, "cell": 8.0, "small": 8.0, "chart": 7.0}
_CAUTION = (125, 0, 23)
_ROOMS_MM: dict[type, float] = {Figure: HEIGHT_MM, Code: QR_MM}
"""What must stand under its heading on the same page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a chart stands: page from 1, and its box in mm from the upper left corner."""

    page: int
    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdf:
    """The file, and where its charts are."""

    data: bytes
    charts: tuple[Place, ...]


def pdf(document: Document) -> Pdf:
    """Return the file."""
    sheet = _Sheet(document.foot)
    sheet.begin(document)
    for block, following in zip_longest(document.blocks, document.blocks[1:]):
        sheet.add(block, room_mm=_ROOMS_MM.get(type(following), LEAST_MM))
    return Pdf(data=bytes(sheet.output()), charts=tuple(sheet.charts))


def printable(text: str) -> str:
    """Return a text in the characters of the built-in fonts; another is told by its number, and never dropped."""
    return text.encode("latin-1", "backslashreplace").decode("latin-1")


class _Sheet(FPDF):
    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self.charts: list[Place] = []
        self.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=FOOT_MM)
        self.set_lang("en")
        self.set_creator("pumpd")

    def footer(self) -> None:
        """Write what stands on every page; fpdf2 calls it."""
        self.set_y(-FOOT_MM + 3)
        self._ink("small")
        self.cell(self.epw * 0.85, LINE_MM, printable(self._foot))
        self.cell(self.epw * 0.15, LINE_MM, f"page {self.page_no()} of {{nb}}", align="R")

    def begin(self, document: Document) -> None:
        """Write the title."""
        self.set_title(printable(document.title))
        self.set_subject(printable(document.subtitle))
        self.add_page()
        self._ink("title", "B")
        self._lines(document.title, 7)
        self._ink("small")
        self._lines(document.subtitle, LINE_MM)
        self.ln(1)

    def add(self, block: Block, *, room_mm: float) -> None:
        """Write one block; a heading goes to the next page where what follows has no room under it."""
        match block:
            case Heading():
                self._heading(block, room_mm)
            case Caution():
                self._caution(block.text)
            case Remark():
                self._ink("small")
                self._lines(block.text, LINE_MM)
                self.ln(1)
            case Facts():
                self._facts(block)
            case Table():
                self._table(block)
            case Figure():
                self._figure(block)
            case Code():
                self._code(block)

    def _heading(self, heading: Heading, room_mm: float) -> None:
        if heading.new_page or self.will_page_break(HEADING_MM + room_mm):
            self.add_page()
        else:
            self.ln(2.5)
        self._ink("heading", "B")
        self._lines(heading.text, 6)
        self.set_draw_color(25, 30, 36)
        self.set_line_width(0.4)
        self.line(self.l_margin, self.y, self.l_margin + self.epw, self.y)
        self.ln(1.2)

    def _caution(self, text: str) -> None:
        self._ink("text", "B", _CAUTION)
        self.set_draw_color(*_CAUTION)
        self.set_line_width(0.5)
        self.multi_cell(self.epw, 5, printable(text), border=1, new_x=XPos.LMARGIN, new_y=YPos.NEXT, padding=(1, 2))
        self.ln(1.2)

    def _facts(self, facts: Facts) -> None:
        for name, value in facts.rows:
            if self.will_page_break(2 * LINE_MM):
                self.add_page()
            self._ink("text", "B")
            self.cell(FACT_MM, LINE_MM + 0.6, printable(name))
            self._ink("text")
            self.multi_cell(
                self.epw - FACT_MM, LINE_MM + 0.6, printable(value), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )
        self.ln(1)

    def _table(self, table: Table) -> None:
        self._ink("cell")
        if not table.rows:
            self._lines(table.empty, LINE_MM)
            self.ln(1)
            return
        self.set_draw_color(200, 206, 212)
        self.set_line_width(0.2)
        with self.table(
            width=self.epw,
            col_widths=table.widths,
            line_height=3.6,
            padding=(0.5, 1.5, 0.5, 0),
            text_align="L",
            v_align="T",
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD"),
        ) as body:
            for cells in (table.heads, *table.rows):
                row = body.row()
                for cell in cells:
                    row.cell(printable(cell))
        self.ln(2)

    def _figure(self, figure: Figure) -> None:
        if self.will_page_break(HEIGHT_MM):
            self.add_page()
        left, top = self.l_margin, self.y
        self.charts.append(Place(page=self.page_no(), x_mm=left, y_mm=top))
        with self.local_context():
            for item in layout(figure.chart):
                self._item(item, left, top)
        self.set_xy(self.l_margin, top + HEIGHT_MM + 2)

    def _item(self, item: Item, left: float, top: float) -> None:
        look = LOOKS[item.ink]
        match item:
            case Path():
                self._path([(left + x, top + y) for x, y in item.points], look, filled=item.filled)
            case Words():
                self._ink("chart", "B" if item.bold else "", look.colour)
                words = printable(item.text)
                width = self.get_string_width(words)
                self.text(left + item.at[0] - width * (item.anchor + 1) / 2, top + item.at[1], words)

    def _path(self, points: list[tuple[float, float]], look: Look, *, filled: bool) -> None:
        self.set_draw_color(*look.colour)
        self.set_fill_color(*look.colour)
        self.set_line_width(look.width_mm)
        if look.dash_mm is None:
            self.set_dash_pattern()
        else:
            self.set_dash_pattern(dash=look.dash_mm[0], gap=look.dash_mm[1])
        if filled:
            self.polygon(points, style="F")
        else:
            self.polyline(points)
        self.set_dash_pattern()

    def _code(self, code: Code) -> None:
        if self.will_page_break(QR_MM):
            self.add_page()
        dark = modules(code.text)
        size = QR_MM / len(dark)
        left, top = self.l_margin, self.y
        with self.local_context():
            self.set_fill_color(0, 0, 0)
            for y, row in enumerate(dark):
                for x in (x for x, is_dark in enumerate(row) if is_dark):
                    # a hair wider than the module, so that no printer leaves white lines between two
                    self.rect(left + x * size, top + y * size, size * 1.02, size * 1.02, style="F")
        beside = left + QR_MM + 4
        self.set_xy(beside, top + 8)
        self.set_font("Courier", "", POINTS["small"])
        self.multi_cell(self.epw - QR_MM - 4, LINE_MM, code.text, align="L", new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.ln(2)
        self.set_x(beside)
        self._ink("small")
        self.multi_cell(self.epw - QR_MM - 4, LINE_MM, printable(code.caption), align="L")
        self.set_xy(left, top + QR_MM)

    def _ink(self, size: str, style: str = "", colour: tuple[int, int, int] = (25, 30, 36)) -> None:
        self.set_font(FONT, style, POINTS[size])
        self.set_text_color(*colour)

    def _lines(self, text: str, height_mm: float) -> None:
        self.multi_cell(self.epw, height_mm, printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
