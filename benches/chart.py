"""The two kinds of chart in docs/, as SVG: bars of ratios, and lines of costs by size; costs and ratios logarithmic.

Colours follow the reader's light or dark scheme, which browsers apply to an embedded SVG as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

STYLE = """
text { font: 12px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.note, .tick { fill: #59636e; font-size: 11px; }
.grid { stroke: #d1d9e0; } .one { stroke: #59636e; }
.fill0 { fill: #b7410e; } .fill1 { fill: #1f6feb; } .fill2 { fill: #2da44e; } .fill3 { fill: #8250df; }
.line { fill: none; stroke-width: 2; }
.line0 { stroke: #b7410e; } .line1 { stroke: #1f6feb; } .line2 { stroke: #2da44e; } .line3 { stroke: #8250df; }
.dashed { stroke-dasharray: 4 4; opacity: 0.6; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .note, .tick { fill: #9198a1; } .grid { stroke: #3d444d; } .one { stroke: #9198a1; }
  .fill0 { fill: #e8763a; } .fill1 { fill: #4493f8; } .fill2 { fill: #3fb950; } .fill3 { fill: #ab7df8; }
  .line0 { stroke: #e8763a; } .line1 { stroke: #4493f8; } .line2 { stroke: #3fb950; } .line3 { stroke: #ab7df8; }
}
"""


@dataclass(frozen=True)
class Line:
    """Points of one line; `shade` is its colour, a line of another kind of the same thing is dashed."""

    name: str
    shade: int
    dashed: bool
    points: list[tuple[float, float]]


def bars(title: str, note: str, legend: tuple[str, ...], rows: list[tuple[str, list[float | None]]]) -> str:
    """One group of bars per row, one bar per entry of the legend, from 1 to the right or to the left."""
    left, width, thick = 265, 620, 10
    values = [value for _, row in rows for value in row if value is not None]
    low, high = min(0.8, *values), max(10.0, *values) * 1.25

    def x(value: float) -> float:
        return left + width * math.log(value / low) / math.log(high / low)

    parts, y = [], 78.0
    for name, row in rows:
        parts.append(text(left - 10, y + thick * (len(row) - row.count(None)) / 2 + 4, name, anchor="end"))
        for number, value in enumerate(row):
            if value is not None:
                start, end = sorted((x(1), x(value)))
                place = f'x="{start:.1f}" y="{y:.1f}" width="{max(end - start, 1):.1f}" height="{thick - 1}"'
                parts.append(f'<rect class="fill{number}" {place}/>')
                parts.append(text(max(x(value), x(1)) + 5, y + thick, f"{value:.3g}", kind="tick"))
            y += thick + 1
        y += 6
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if low <= tick <= high]
    grid = [
        f'<line class="{"one" if tick == 1 else "grid"}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="70" y2="{y:.1f}"/>'
        + text(x(tick), y + 16, f"{tick:g}x", kind="tick", anchor="middle")
        for tick in ticks
    ]
    keys = legend_of([(name, number, False) for number, name in enumerate(legend)], left)
    return document(left + width + 50, y + 30, title, note, [*grid, *keys, *parts])


def lines(title: str, note: str, unit: str, found: list[Line]) -> str:
    """Costs over sizes."""
    left, top, width, height = 70, 80, 700, 320
    xs = [point[0] for line in found for point in line.points]
    ys = [point[1] for line in found for point in line.points]
    low, high = 10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys)))

    def x(value: float) -> float:
        return left + width * math.log(value / min(xs)) / math.log(max(xs) / min(xs))

    def y(value: float) -> float:
        return top + height - height * math.log(value / low) / math.log(high / low)

    parts = []
    for size in sorted(set(xs)):
        parts.append(f'<line class="grid" x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{top}" y2="{top + height}"/>')
        parts.append(text(x(size), top + height + 18, f"{size:,.0f}", kind="tick", anchor="middle"))
    tick = low
    while tick <= high:
        for cost in (tick, tick * 2, tick * 5):
            if cost <= high:
                parts.append(
                    f'<line class="grid" x1="{left}" x2="{left + width}" y1="{y(cost):.1f}" y2="{y(cost):.1f}"/>'
                )
                parts.append(text(left - 8, y(cost) + 4, f"{cost:g}", kind="tick", anchor="end"))
        tick *= 10
    for line in found:
        dashed = " dashed" if line.dashed else ""
        points = " ".join(f"{x(size):.1f},{y(cost):.1f}" for size, cost in line.points)
        parts.append(f'<polyline class="line line{line.shade}{dashed}" points="{points}"/>')
        if not line.dashed:
            for size, cost in line.points:
                parts.append(f'<circle class="fill{line.shade}" cx="{x(size):.1f}" cy="{y(cost):.1f}" r="3"/>')
    parts.append(text(left - 8, top - 10, unit, kind="tick", anchor="end"))
    keys = legend_of([(line.name, line.shade, line.dashed) for line in found if not line.dashed], left)
    return document(left + width + 40, top + height + 40, title, note, [*parts, *keys])


def legend_of(entries: Iterable[tuple[str, int, bool]], left: float) -> list[str]:
    parts = []
    for name, shade, _ in entries:
        parts.append(f'<rect class="fill{shade}" x="{left}" y="52" width="11" height="11"/>')
        parts.append(text(left + 16, 62, name))
        left += 34 + 7 * len(name)
    return parts


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    styled = f' class="{kind}"' if kind else ""
    return f'<text{styled} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def document(width: float, height: float, title: str, note: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
    )
    titles = [text(16, 24, title, kind="title"), text(16, 42, note, kind="note")]
    return "\n".join([head, f"<style>{STYLE}</style>", *titles, *parts, "</svg>"]) + "\n"
