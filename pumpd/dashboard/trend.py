"""The last hour as a chart: vital signs with limits, cuff readings as points, pauses shaded; options for ECharts."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_MIN
from pumpd.dashboard.board import CUFF, TREND_NS, Bed
from pumpd.dashboard.picture import NAMES, rules

SHOWN = {
    VitalKind.SPO2: "#5ce1ff",
    VitalKind.HR: "#7ee2a8",
    VitalKind.SBP: "#ffd800",
    VitalKind.DBP: "#ffb066",
}
STANDING = frozenset({Mode.PAUSED, Mode.STOPPING, Mode.FAULT, Mode.UNKNOWN, None})
INK = "#ffffff"
MINUTES = TREND_NS // NS_PER_MIN


def options(bed: Bed, now_ns: int) -> dict[str, Any]:
    """Return the chart of `bed`; the time axis is in minutes before now, so that no clock but ours is in it."""
    series = [_series(bed, kind, colour, now_ns) for kind, colour in SHOWN.items()]
    series[0]["markArea"] = {
        "silent": True,
        "itemStyle": {"color": "rgba(255, 216, 0, 0.18)"},
        "data": [[{"xAxis": begin}, {"xAxis": end}] for begin, end in _pauses(bed, now_ns)],
    }
    return {
        "animation": False,
        "textStyle": {"color": INK, "fontSize": 14},
        "legend": {"textStyle": {"color": INK, "fontSize": 14}},
        "grid": {"left": 45, "right": 90, "top": 40, "bottom": 45},
        "xAxis": {
            "type": "value",
            "min": -MINUTES,
            "max": 0,
            "name": "minutes ago",
            "nameLocation": "middle",
            "nameGap": 28,
            "axisLabel": {"color": INK},
        },
        "yAxis": {"type": "value", "min": 40, "max": 200, "axisLabel": {"color": INK}},
        "series": series,
    }


def _series(bed: Bed, kind: VitalKind, colour: str, now_ns: int) -> dict[str, Any]:
    is_point = kind in CUFF
    points = [[_minutes(each.at_ns - now_ns), each.value] for each in bed.trends.get(kind, ())]
    return {
        "name": NAMES[kind],
        "type": "scatter" if is_point else "line",
        "symbol": ("triangle" if kind is VitalKind.SBP else "diamond") if is_point else "none",
        "symbolSize": 12,
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": 2},
        "data": points,
        "markLine": {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"color": colour, "type": "dashed"},
            "label": {"color": colour, "formatter": f"{NAMES[kind]} {{c}}", "position": "end"},
            "data": [{"yAxis": limit} for limit in _limits(bed, kind)],
        },
    }


def _limits(bed: Bed, kind: VitalKind) -> list[int]:
    """Return the absolute limits that pause or end, as they are in force."""
    moved = {} if bed.view.state is None else {each.rule: each.limit for each in bed.view.state.message.limits}
    found = {
        moved.get(rule["id"], rule["limit"])
        for rule in rules(bed)
        if rule["vital"] == kind.value and not rule["relative"] and rule["action"] == "pause"
    }
    return sorted(found)


def _pauses(bed: Bed, now_ns: int) -> Iterator[tuple[float, float]]:
    """Yield from when to when nothing was known to flow though an infusion was open."""
    ends = [*((each.at_ns, each.mode) for each in bed.spans), (now_ns, Mode.IDLE)]
    for (begin_ns, mode), (end_ns, _) in pairwise(ends):
        if mode in STANDING:
            yield max(_minutes(begin_ns - now_ns), -float(MINUTES)), _minutes(end_ns - now_ns)


def _minutes(duration_ns: int) -> float:
    return round(duration_ns / NS_PER_MIN, 3)
