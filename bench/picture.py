"""Cold starts as an SVG: a bar for each contender, the start of the process and the first response after it."""

from typing import Any
from xml.sax.saxutils import escape

from bench.contender import OURS

WIDTH, LEFT, BAR, GAP = 860, 370, 22, 12

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.ours { font-weight: 600 } .init { fill: #6d4aff } .first { fill: #ffab40 }
.other .init { fill: #9aa4b2 } .other .first { fill: #c9d1d9 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .other .init { fill: #6e7681 } .other .first { fill: #444c56 } }
"""


def draw(data: dict[str, Any]) -> str:
    """Give the picture, shortest bar first."""
    seen = sorted(data["contenders"].items(), key=lambda one: one[1]["cold_ms"]["median"])
    longest = seen[-1][1]["cold_ms"]["median"]
    scale = (WIDTH - LEFT - 80) / longest
    height = 60 + len(seen) * (BAR + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Cold starts: milliseconds from the event to the first whole answer</title>",
        f"<style>{_STYLE}</style>",
        '<text x="0" y="18">Cold start, ms (median): start of the process, then the first answer that reads the database</text>',
    ]
    for number, (name, of) in enumerate(seen):
        top = 40 + number * (BAR + GAP)
        init, first = (of[what]["median"] * scale for what in ("init_ms", "first_ms"))
        label = name if of["database"] else f"{name}, no database"
        lines += [
            f'<g class="{"ours" if name == OURS.name else "other"}">',
            f'<text x="{LEFT - 10}" y="{top + 16}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="init" x="{LEFT}" y="{top}" width="{init:.1f}" height="{BAR}"/>',
            f'<rect class="first" x="{LEFT + init:.1f}" y="{top}" width="{first:.1f}" height="{BAR}"/>',
            f'<text x="{LEFT + init + first + 8:.1f}" y="{top + 16}">{of["cold_ms"]["median"]:.0f}</text>',
            "</g>",
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
