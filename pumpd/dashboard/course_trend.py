"""The totals of a course as a chart: points on their days, the infusions marked, bands named; options for ECharts."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from pumpd.core.course_words import BANDS
from pumpd.dashboard.trend import INK
from pumpd.mqtt.course_payloads import ShownCourse

HIGHEST = BANDS[-1][0]
POINTS, INFUSIONS = "#5ce1ff", "#ffd800"
SHADES = (
    "rgba(126, 226, 168, 0.10)",
    "rgba(126, 226, 168, 0.20)",
    "rgba(255, 216, 0, 0.14)",
    "rgba(255, 45, 45, 0.20)",
)
MARGIN = timedelta(days=4)
"""Beside the first and the last day, so that nothing lies on the edge."""


def options(course: ShownCourse | None) -> dict[str, Any]:
    """Return the chart of a course; one without a total, or that is not known yet, says so."""
    scores = () if course is None else course.scores
    given = () if course is None else course.given
    days = sorted(map(date.fromisoformat, [*(each.on for each in scores), *(each.on for each in given)]))
    nothing = "the course is not known yet" if course is None else "no BDI-II total yet"
    return {
        "animation": False,
        "textStyle": {"color": INK, "fontSize": 14},
        "title": {"text": "" if scores else nothing, "left": "center", "top": "middle", "textStyle": {"color": INK}},
        "grid": {"left": 45, "right": 20, "top": 40, "bottom": 45},
        "xAxis": {
            "type": "time",
            "min": (days[0] - MARGIN).isoformat() if days else None,
            "max": (days[-1] + MARGIN).isoformat() if days else None,
            "name": "dashed lines: the infusions, by number" if given else "",
            "nameLocation": "middle",
            "nameGap": 28,
            "axisLabel": {"color": INK, "hideOverlap": True, "formatter": "{yyyy}-{MM}-{dd}"},
        },
        "yAxis": {"type": "value", "min": 0, "max": HIGHEST, "name": "BDI-II total", "axisLabel": {"color": INK}},
        "series": [
            {
                "name": "BDI-II total",
                "type": "line",
                "symbol": "circle",
                "symbolSize": 12,
                "itemStyle": {"color": POINTS},
                "lineStyle": {"color": POINTS, "width": 2},
                "label": {"show": True, "color": INK, "position": "top"},
                "data": [{"value": [each.on, each.total], "label": {"formatter": str(each.total)}} for each in scores],
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "lineStyle": {"color": INFUSIONS, "type": "dashed"},
                    "label": {"color": INFUSIONS, "formatter": "{b}"},
                    "data": [{"xAxis": each.on, "name": str(number)} for number, each in enumerate(given, start=1)],
                },
                "markArea": {"silent": True, "data": _bands()},
            }
        ],
    }


def _bands() -> list[Any]:
    """Return the area of each band with its name."""
    ends = [(0, ""), *BANDS]
    return [
        [
            {
                "yAxis": low,
                "name": name,
                "itemStyle": {"color": shade},
                "label": {"color": INK, "position": "insideLeft"},
            },
            {"yAxis": high},
        ]
        for ((low, _), (high, name)), shade in zip(pairwise(ends), SHADES, strict=True)
    ]
