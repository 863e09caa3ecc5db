"""The parts of a page that needs nothing else: its form, tables and sections. Knows nothing of what they say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1d2733; background: #fff; margin: 0 auto; max-width: 1120px;
  padding: 20px 24px 48px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 0 0 2px; }
p { margin: 0 0 8px; } .note { color: #55606e; font-size: 12.5px; }
.verdict { display: inline-block; padding: 5px 12px; border-radius: 4px; font-weight: 600; color: #fff; margin: 8px 0; }
.sound { background: #2f7d4f; } .broken { background: #b3261e; }
table { border-collapse: collapse; margin: 6px 0 14px; font-size: 13px; }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid #e3e7ec; vertical-align: top; }
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 26px 36px; margin-top: 18px; }
.plots section { min-width: 0; } svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: #3b4654; }
.all, .struck { fill: #2f6fa8; } .unmet { fill: #a9c6df; } .bad { fill: #b3261e; } .paused { fill: #2f6fa8; }
.ended { fill: #7b8794; } .other { fill: #d08a1d; }
.axis { stroke: #7b8794; } .mark { stroke: #b3261e; stroke-dasharray: 4 3; }
.key { display: inline-block; width: 11px; height: 11px; margin: 0 5px 0 0; vertical-align: -1px; }
.key.all, .key.struck, .key.paused { background: #2f6fa8; } .key.unmet { background: #a9c6df; }
.key.bad { background: #b3261e; } .key.ended { background: #7b8794; } .key.other { background: #d08a1d; }
@media (max-width: 820px) { .plots { grid-template-columns: minmax(0, 1fr); } }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """Return a whole page."""
    head = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
    ]
    return "\n".join([*head, *parts, "</body></html>"]) + "\n"


def plots(sections: Iterable[str]) -> Iterator[str]:
    """Yield sections as two columns."""
    yield '<div class="plots">'
    yield from sections
    yield "</div>"


def section(title: str, meaning: str, plot: str, keys: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a plot under its title; `keys` says what each style of it means."""
    words = escape(meaning)
    if keys:
        meanings = (f'<span class="key {style}"></span>{escape(text)}' for style, text in keys.items())
        words = f"{words}<br>{'&emsp;'.join(meanings)}"
    return f'<section><h2>{escape(title)}</h2><p class="note">{words}</p>\n{plot}\n</section>'


def note(text: str) -> str:
    """Return a remark in small print."""
    return f'<p class="note">{escape(text)}</p>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
