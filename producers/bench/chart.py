"""Chart: a run as one SVG of horizontal bars, for light and dark pages alike."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from producers.bench.figures import UNITS, Summary
from producers.bench.result import Result

_WIDTH, _LEFT, _RIGHT = 760, 230, 120  # px: all of it, the names', the values'
_BAR, _GAP, _LINE, _HEAD = 20, 10, 16, 20
_EDGE = 16  # px around all of it
_LONGEST = 112  # characters of a small line
# A ground of its own: a page may be dark where its reader's system is light, or the reverse.
_STYLE = """
  .ground { fill: #ffffff }
  text { font: 13px system-ui, sans-serif; fill: #1f2937 }
  .title { font-weight: 600; font-size: 15px }
  .faint { fill: #6b7280; font-size: 12px }
  .ours { fill: #2563eb } .its { fill: #94a3b8 } .spread { stroke: #1f2937; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 }
    text { fill: #e5e7eb } .faint { fill: #9ca3af }
    .ours { fill: #60a5fa } .its { fill: #64748b } .spread { stroke: #e5e7eb }
  }
"""


def draw(facts: Mapping[str, object], results: Sequence[Result]) -> str:
    """Return the SVG: a block a scenario; a bar is a median, its line the spread of the rounds."""
    parts, top = [], 0
    for result in results:
        lines, top = _block(result, top)
        parts += lines
    told = ", ".join(f"{name} {value}" for name, value in facts.items())
    foot = _small(told, top)
    parts += foot
    height = top + _LINE * (len(foot) + 1)
    wide, high = _WIDTH + 2 * _EDGE, height + _EDGE
    size = f'viewBox="{-_EDGE} 0 {wide} {high}" width="{wide}" height="{high}"'
    first = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><style>{_STYLE}</style>\n'
        f'<rect class="ground" x="{-_EDGE}" y="0" width="{wide}" height="{high}" rx="8"/>'
    )
    return "\n".join([first, *parts, "</svg>\n"])


def _block(result: Result, top: int) -> tuple[list[str], int]:
    """Return one scenario's elements, and where the next one begins."""
    unit = UNITS[result.scenario.lead]
    better = "less" if unit.less else "more"
    heading = f"{result.name}: {unit.heading}, {better} is better"
    small = _small(result.conditions(), top + _HEAD)
    lines = [_text(0, top + _HEAD, heading, "title"), *small]
    bars = {
        subject: found
        for subject in result.subjects()
        if (found := result.figures(subject).get(result.scenario.lead)) is not None
    }
    most = max((found.most for found in bars.values()), default=0.0) or 1.0
    room = _WIDTH - _LEFT - _RIGHT
    at = top + _HEAD + len(small) * _LINE + 2 * _GAP
    for place, (subject, found) in enumerate(bars.items()):
        kind = "its" if place and "xinshi" in bars else "ours"
        lines += _bar(at, subject, found, kind=kind, px=room / most, digits=unit.digits)
        at += _BAR + _GAP
    return lines, at + _GAP


def _bar(
    top: int, subject: str, found: Summary, *, kind: str, px: float, digits: int
) -> Iterator[str]:
    median, least, longest = (value * px for value in found)
    middle = top + _BAR / 2
    yield _text(_LEFT - 10, middle + 4.5, subject, "", 'text-anchor="end"')
    yield (
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{median:.1f}" height="{_BAR}" rx="3"/>'
    )
    if longest - least >= 1:
        yield (
            f'<line class="spread" x1="{_LEFT + least:.1f}" y1="{middle}" '
            f'x2="{_LEFT + longest:.1f}" y2="{middle}"/>'
        )
    yield _text(_LEFT + max(median, longest) + 8, middle + 4.5, f"{found.median:,.{digits}f}")


def _small(text: str, top: float) -> list[str]:
    """Return small lines below a place, as many as the text needs."""
    lines = textwrap.wrap(text, _LONGEST)
    return [_text(0, top + _LINE * place, line, "faint") for place, line in enumerate(lines, 1)]


def _text(x: float, y: float, text: str, kind: str = "", more: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named} {more}>{escape(text)}</text>'
