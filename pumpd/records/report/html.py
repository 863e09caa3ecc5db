"""A report as one page of HTML that needs nothing else: no script, no network, no font. Escapes every word."""

from html import escape

from pumpd.records.report.document import Block, Caution, Code, Document, Facts, Figure, Heading, Remark, Table
from pumpd.records.report.qr import modules
from pumpd.records.report.svg import svg

STYLE = """
@page { size: A4; margin: 14mm; }
body { font: 14px/1.4 system-ui, sans-serif; color: #191e24; background: #fff; margin: 0 auto; max-width: 1000px;
  padding: 16px 20px 40px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 16px; margin: 20px 0 4px; border-bottom: 2px solid #191e24;
  break-after: avoid; }
p { margin: 4px 0 8px; } .small { color: #3c444c; font-size: 12.5px; }
.caution { border: 2px solid #a3001e; border-left-width: 10px; padding: 5px 10px; font-weight: 700; color: #7d0017; }
table { border-collapse: collapse; width: 100%; margin: 4px 0 12px; font-size: 12.5px; }
caption { text-align: left; } thead { display: table-header-group; } tr { break-inside: avoid; }
th, td { text-align: left; vertical-align: top; padding: 3px 10px 3px 0; border-bottom: 1px solid #ccd2d8;
  overflow-wrap: break-word; }
.facts th { width: 170px; font-weight: 600; }
figure { margin: 6px 0 10px; break-inside: avoid; } figure svg { width: 100%; height: auto; display: block; }
svg text { font-family: Helvetica, Arial, sans-serif; font-size: 2.4px; }
.code { display: flex; gap: 20px; align-items: center; break-inside: avoid; } .code svg { width: 42mm; flex: none; }
code { overflow-wrap: anywhere; }
@media print { body { padding: 0; max-width: none; font-size: 11.5px; } table, .small { font-size: 10.5px; }
  .page { break-before: page; } }
"""


def html(document: Document) -> str:
    """Return the page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>{escape(document.title)}</title><style>{STYLE}</style></head><body><main>",
            f'<h1>{escape(document.title)}</h1><p class="small">{escape(document.subtitle)}</p>',
            *map(_block, document.blocks),
            f'</main><footer class="small">{escape(document.foot)}</footer></body></html>',
            "",
        ]
    )


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h2{' class=page' if block.new_page else ''}>{escape(block.text)}</h2>"
        case Caution():
            return f'<p class="caution" role="note">{escape(block.text)}</p>'
        case Remark():
            return f'<p class="small">{escape(block.text)}</p>'
        case Facts():
            rows = "".join(
                f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in block.rows
            )
            return f'<table class="facts"><tbody>{rows}</tbody></table>'
        case Table():
            return _table(block)
        case Figure():
            return f"<figure>{svg(block.chart)}</figure>"
        case Code():
            return (
                f'<div class="code">{_qr(block.text)}<p><code>{escape(block.text)}</code><br>'
                f'<span class="small">{escape(block.caption)}</span></p></div>'
            )


def _table(table: Table) -> str:
    if not table.rows:
        return f"<p>{escape(table.empty)}</p>"
    shares = "".join(f'<col style="width:{width}%">' for width in table.widths)
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f"<table><colgroup>{shares}</colgroup><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _qr(text: str) -> str:
    dark = modules(text)
    side = len(dark)
    boxes = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(dark) for x, is_dark in enumerate(row) if is_dark)
    label = escape(f"QR code of {text}")
    return f'<svg viewBox="0 0 {side} {side}" role="img" aria-label="{label}"><path d="{boxes}" fill="#000"/></svg>'
