"""The report's plots as inline SVG in the page's text colour, for light and dark screens and print.

Panels have no legend, since the page has one for all. Imports no torch, and no global plotting state.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from zoo.evaluate.pictures import smooth, spans_decades
from zoo.report.html.runs import Style

INK = "#010203"
"""Placeholder of the page's text colour."""
POINTS = 400
"""Longer curves are averaged down to about this number of points."""
SIZE = (4.4, 2.9)
"""Width and height of a panel in inches of 72 px, so that text of 9 px is legible on a phone."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A loss term of one run."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    style: Style


@dataclass(frozen=True, kw_only=True)
class Point:
    """A run's quality with its interval, at a cost."""

    cost: float
    value: float
    low: float | None
    high: float | None
    style: Style


def curve_panel(curves: Sequence[Curve], *, title: str, xlabel: str) -> str:
    """Return an SVG of one loss term over the training: each run in a light shade, and smoothed on top.

    The y axis spans the smoothed curves; it is logarithmic if these span more than two decades.

    Args:
        curves: one per run, none of them empty.
        title: the term's name.
        xlabel: label of the x axis.
    """
    figure, axes = _panel(title, xlabel)
    shown = [_thinned(curve) for curve in curves]
    smoothed = [smooth(curve.values) for curve in shown]
    for curve, line in zip(shown, smoothed, strict=True):
        dot = curve.style.marker if len(line) == 1 else ""  # a line of one point is invisible
        color, dash = curve.style.color, curve.style.dash
        if len(line) > 2 and not np.array_equal(line, curve.values):
            axes.plot(curve.steps, curve.values, linewidth=0.7, alpha=0.25, color=color)
        axes.plot(curve.steps, line, linewidth=1.7, color=color, linestyle=dash, marker=dot)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if spans_decades([curve.values for curve in shown]):
        axes.set_yscale("log")
    else:
        low, high = min(line.min() for line in smoothed), max(line.max() for line in smoothed)
        margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)
    return _svg(figure, f"{title} over the training, one line per run")


def scatter_panel(points: Sequence[Point], *, quality: str, cost: str) -> str:
    """Return an SVG of one point per run, with its interval as a bar.

    Args:
        points: one per run, with positive costs; the x axis is logarithmic if these span more than a decade.
        quality: title, the quantity of the y axis.
        cost: label of the x axis.
    """
    figure, axes = _panel(quality, cost)
    for style in dict.fromkeys(point.style for point in points):  # one call per style: there may be thousands of points
        alike = [point for point in points if point.style == style]
        ends = [(p.cost, p.low, p.high) for p in alike if p.low is not None and p.high is not None]
        if ends:
            positions, lows, highs = zip(*ends, strict=True)
            axes.vlines(positions, lows, highs, linewidth=1.2, color=style.color, alpha=0.6)
        costs, values = [point.cost for point in alike], [point.value for point in alike]
        axes.plot(costs, values, style.marker, color=style.color, markersize=6.5)
    costs = [point.cost for point in points]
    if max(costs) > 10 * min(costs):
        axes.set_xscale("log")
    else:
        axes.margins(x=0.1)
    return _svg(figure, f"{quality} against {cost}, one point per run")


def _panel(title: str, xlabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    # Names come from plugins: a dollar sign in one starts no formula.
    axes.set_title(title, loc="left", fontsize=10, color=INK, parse_math=False)
    axes.set_xlabel(xlabel, fontsize=9, color=INK, parse_math=False)
    axes.tick_params(colors=INK, labelsize=9, length=3)
    axes.grid(color=INK, alpha=0.14, linewidth=0.6)
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    return figure, axes


def _thinned(curve: Curve) -> Curve:
    """Return the curve averaged over groups of neighbouring points, about `POINTS` of them."""
    every = -(-len(curve.values) // POINTS)
    starts = np.arange(0, len(curve.values), every)
    counts = np.diff(np.append(starts, len(curve.values)))
    steps, values = (np.add.reduceat(each, starts) / counts for each in (curve.steps, curve.values))
    return Curve(steps=steps, values=values, style=curve.style)


def _svg(figure: Figure, description: str) -> str:
    """Return the figure as an HTML element without ids, which a second plot would repeat, in the page's text colour."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "zoo", "path.simplify": True}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    width, height = (72 * side for side in SIZE)
    head = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(description)}">'
    return head + body.replace(INK, "currentColor").strip()
