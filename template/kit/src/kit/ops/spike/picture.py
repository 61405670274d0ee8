"""The forecast as an SVG: requests, environments at once and refusals over time."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from kit.ops.spike.forecast import Forecast

WIDTH, HEIGHT, LEFT, TOP = 760, 90, 170, 40
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
.area { fill: #6d4aff; fill-opacity: .75 } .refused { fill: #d1242f } line { stroke: #9aa4b2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
"""


def draw(forecast: Forecast) -> str:
    """Return the picture: a panel for each figure, with the same axis of time."""
    scenario, course = forecast.scenario, forecast.course
    panels = [
        ("requests a second", [moment.requests for moment in course], "area"),
        ("environments at once", [float(moment.busy) for moment in course], "area"),
        ("refused a second", _per_second(forecast), "refused"),
        ("jobs waiting", [float(moment.jobs_waiting) for moment in course], "area"),
    ]
    height = TOP + len(panels) * (HEIGHT + 20) + 20
    title = f"{scenario.visitors:,.0f} visitors in {scenario.minutes:g} minutes, {scenario.requests:,.0f} requests each"
    times = ", ".join(f"p{percentile} {ms:,.0f} ms" for percentile, ms in forecast.ms.items())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="18">{escape(title)}: {escape(times)}</text>',
    ]
    for number, (name, values, kind) in enumerate(panels):
        lines += _panel(name, values, kind, TOP + number * (HEIGHT + 20), [moment.second for moment in course])
    end = course[-1].second
    lines += [
        f'<text x="{LEFT}" y="{height - 6}">0 s</text>',
        f'<text x="{WIDTH}" y="{height - 6}" text-anchor="end">{end:,} s</text>',
    ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _per_second(forecast: Forecast) -> list[float]:
    starts = [0, *(moment.second for moment in forecast.course)]
    return [moment.refused / (moment.second - start) for moment, start in zip(forecast.course, starts, strict=False)]


def _panel(name: str, values: list[float], kind: str, top: int, ends: list[int]) -> Iterator[str]:
    most, bottom, scale = max(values), top + HEIGHT, (WIDTH - LEFT) / ends[-1]
    yield f'<text x="{LEFT - 10}" y="{top + 12}" text-anchor="end">{most:,.0f}</text>'
    yield f'<text x="{LEFT - 10}" y="{bottom}" text-anchor="end">{escape(name)}</text>'
    yield f'<line x1="{LEFT}" x2="{WIDTH}" y1="{bottom}" y2="{bottom}"/>'
    start = 0
    for value, end in zip(values, ends, strict=True):
        high = HEIGHT * value / most if most else 0
        if high:
            yield (
                f'<rect class="{kind}" x="{LEFT + start * scale:.1f}" y="{bottom - high:.1f}" '
                f'width="{(end - start) * scale:.1f}" height="{high:.1f}"/>'
            )
        start = end
