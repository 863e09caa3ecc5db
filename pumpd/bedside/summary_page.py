"""The profile on one page of plain text, for a physician to read and sign. Describes; advises nothing."""

import textwrap
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from pumpd.bedside.profile_file import Reading
from pumpd.core.bounds import plain
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action, Profile, Range, Side, VitalRule
from pumpd.core.quantities import NS_PER_S, in_ml, text
from pumpd.core.rest import CONFIRM_WITHIN_NS

PAGE_LINES = 66
PAGE_COLUMNS = 100
_COLUMNS = (11, 14, 11, 17, 27, 20)
"""Widths of the table of vital signs; they add up to a page."""


class PageError(ValueError):
    """The profile does not fit on one page; the message says by how much."""


def summary_page(profile: Profile, reading: Reading) -> str:
    """Return the page, or raise `PageError`."""
    before = [*_head(profile), "", *_drug(profile), "", *_vitals(profile), "", *_times(profile), ""]
    after = ["", *_signatures()]
    room = PAGE_LINES - len(before) - len(after)
    sources = _sources(reading, room)
    lines = [*before, *sources, *after]
    if len(lines) > PAGE_LINES or any(len(line) > PAGE_COLUMNS for line in lines):
        widest = max(map(len, lines))
        raise PageError(
            f"the summary of {profile.name} has {len(lines)} lines and {widest} columns, a page has {PAGE_LINES} and "
            f"{PAGE_COLUMNS}; take rules out or shorten names"
        )
    return "\n".join(lines) + "\n"


def _head(profile: Profile) -> Iterator[str]:
    yield f"PUMPD PROFILE {profile.name}, version {profile.version}, hash {profile.hash}"
    if profile.simulators_only:
        yield "FOR SIMULATORS ONLY. It is never used on a patient and is not to be signed."
    elif profile.approved:
        signers = "; ".join(f"{approval.name} ({approval.role.value})" for approval in profile.approvals)
        yield textwrap.shorten(f"Approved over this hash by {signers}.", PAGE_COLUMNS)
    else:
        yield "UNAPPROVED until two named people, one of them a prescriber, have signed this hash."
    yield "The limits as pumpd applies them. None is a guideline value, and nothing here is treatment advice."


def _drug(profile: Profile) -> Iterator[str]:
    drug = profile.drug
    allowed = " or ".join(plain(value) for value in drug.concentrations_mg_ml)
    vials = ", ".join(plain(value) for value in drug.strengths_mg_ml)
    yield f"DRUG {drug.name}, entry {drug.version}, hash {drug.hash}"
    yield (
        f"  as base: {allowed} mg/mL made from vials of {vials} mg/mL, within "
        f"{plain(drug.concentration_tolerance_percent)} %"
    )
    yield f"  {'':15}{'soft limits: a reason is asked for':38}hard limits: refused, never passed"
    for limit in drug.limits:
        unit = limit.measure.unit
        soft, hard = (f"{plain(low)} to {plain(high)} {unit}" for low, high in (limit.soft, limit.hard))
        yield f"  {limit.measure.value:15}{soft:38}{hard}"
    yield "  No bolus, no step upwards, no keep-open flow. Time lost to a pause is not caught up."


def _vitals(profile: Profile) -> Iterator[str]:
    yield _row(("VITAL SIGN", "start", "resume", "alert", "pause", "end"))
    starts = {wanted.vital: wanted for wanted in profile.start}
    resumes = {wanted.vital: wanted for wanted in profile.resume}
    for kind in VitalKind:
        rules = [rule for rule in profile.rules if rule.vital is kind]
        if not rules and kind not in starts:
            continue
        cells = (
            f"{kind.name} {kind.unit}",
            _range(starts.get(kind)),
            _range(resumes.get(kind)),
            *(_limits(rules, action) for action in (Action.ALERT, Action.PAUSE, Action.END)),
        )
        wrapped = [_cell_lines(cell, width) for cell, width in zip(cells, _COLUMNS, strict=True)]
        yield from (_row(line) for line in zip_longest(*wrapped, fillvalue=""))
    yield "  +n: above baseline. (n): up to n by a prescriber, with a reason. n s: for n seconds."
    yield "  rep n: when a repeat confirms it, or none has come in n seconds. Without a time: at once."
    yield from _wrapped(f"a limit that was crossed is left only when the value is inside it by {_margins(profile)}")
    ages = (
        f"{age.vital.name} {age.alert_ns // NS_PER_S}/{age.pause_ns // NS_PER_S}/{age.end_ns // NS_PER_S} s"
        for age in profile.ages
    )
    yield from _wrapped(f"no new valid value, alert/pause/end after: {', '.join(ages)}")


def _cell_lines(cell: str, width: int) -> list[str]:
    """Break a cell between its limits, never inside one."""
    parts = [part.replace(" ", "\u00a0") for part in cell.split(", ")]
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(", ".join(parts), width - 1)]


def _row(cells: Iterable[str]) -> str:
    return "".join(f"{cell:{width}}" for cell, width in zip(cells, _COLUMNS, strict=True)).rstrip()


def _range(wanted: Range | None) -> str:
    if wanted is None:
        return "-"
    if wanted.high is None:
        return f">={wanted.low}"
    override = f" ({wanted.override_high})" if wanted.override_high is not None else ""
    return f"{wanted.low}-{wanted.high}{override}"


def _limits(rules: list[VitalRule], action: Action) -> str:
    return ", ".join(_limit(rule) for rule in rules if rule.action is action) or "-"


def _limit(rule: VitalRule) -> str:
    sign = "+" if rule.relative else rule.side.value
    number = f"{sign}{rule.limit}" if rule.side is not Side.BELOW or rule.relative else f"<{rule.limit}"
    if rule.confirm_within_ns is not None:
        return f"{number} rep {rule.confirm_within_ns // NS_PER_S}"
    return f"{number} {rule.for_ns // NS_PER_S} s" if rule.for_ns else number


def _margins(profile: Profile) -> str:
    """Return the margins of each vital sign, where its rules differ from least to most."""
    words = []
    for kind in VitalKind:
        margins = sorted({rule.clear_by for rule in profile.rules if rule.vital is kind})
        if margins:
            words.append(f"{kind.name} {'-'.join(map(str, margins))} {kind.unit}")
    return ", ".join(words)


def _times(profile: Profile) -> Iterator[str]:
    def seconds(value_ns: int) -> str:
        return f"{text(value_ns, NS_PER_S, 3)} s"

    p = profile
    station = "no nurse station"
    if p.station_required:
        station = f"a nurse station that answered an audible test at most {seconds(p.audible_test_max_age_ns)} before"
    cleared = "the clinic's clearance of the day" if p.clearance_required else "the clinic's clearance is waived"
    yield "TIMES AND SUPERVISION"
    yield from _wrapped(
        f"start: vital signs in range for {seconds(p.start_steady_ns)}; two cuff readings "
        f"{seconds(p.baseline_spacing_ns)} apart, at most {seconds(p.baseline_max_age_ns)} old; order confirmed by a "
        f"second person at most {seconds(p.confirm_valid_ns)} before, who logs in anew {seconds(p.confirm_login_ns)} "
        f"after the order; syringe mixed at most {seconds(p.mixed_max_ns)} before where no expiry is on it; MOAA/S and "
        "respiration entered at most "
        f"{seconds(p.assess_valid_ns)} before; screen at most {seconds(p.token_max_age_ns)} old; {station}; {cleared}"
    )
    yield from _wrapped(
        f"bedside: presence confirmed at most {seconds(p.presence_start_ns)} before start and resume, alert without it "
        f"after {seconds(p.presence_alarm_ns)}, pause after {seconds(p.presence_pause_ns)}; MOAA/S and respiration "
        f"every {seconds(p.assess_interval_ns)}"
    )
    yield from _wrapped(
        f"resume: only by a person; in range for {seconds(p.resume_steady_ns)}; after a pressure pause two cuff "
        "readings in range"
    )
    yield from _wrapped(
        f"pause: reminder every {seconds(p.pause_reminder_ns)}; ends after {seconds(p.pause_max_ns)}, after "
        f"{seconds(p.session_extra_ns)} beyond the planned time, or at pause {p.vital_pauses_max} for a vital sign"
    )
    yield from _wrapped(
        f"two sources: the worse counts; MEDIUM alarm when they differ by more than {p.hr_difference_bpm} /min or "
        f"{p.spo2_difference_percent} % for {seconds(p.difference_ns)}"
    )
    yield f"  cuff: every {seconds(p.nibp_interval_ns)}, during a pause every {seconds(p.nibp_pause_interval_ns)}"
    yield (
        f"  after the infusion: cuff every {seconds(p.observe_nibp_first_ns)} for {seconds(p.observe_first_ns)}, then "
        f"every {seconds(p.observe_nibp_later_ns)}; observed for at least {seconds(p.observe_min_ns)}"
    )
    yield from _wrapped(
        f"prompts: every {seconds(p.prompt_infusing_ns)}, after the infusion every {seconds(p.prompt_observing_ns)}, "
        f"LOW after {seconds(p.prompt_overdue_ns)}; a pause is proposed at nausea {p.nausea_pause_score}, dizziness "
        f"{p.dizziness_pause_score}, anxiety {p.anxiety_pause_score}, dissociation {p.dissociation_pause_score} of 10"
    )
    yield from _wrapped(
        f"discharge: two cuff readings within {p.discharge_pressure_percent} % of the baseline, SpO2 in the start "
        f"range on room air, MOAA/S 5, nausea at most {p.discharge_nausea_score} of 10"
    )
    yield from _wrapped(
        f"supervision lost (no broker, or no station for {seconds(p.station_lost_ns)}): HIGH alarm after "
        f"{seconds(p.supervision_alarm_ns)}, pause after {seconds(p.supervision_pause_ns)}"
    )
    yield from _wrapped(
        f"alarm that nobody acknowledges: passed to a prescriber after {seconds(p.alarm_escalate_high_ns)} (HIGH) or "
        f"{seconds(p.alarm_escalate_medium_ns)} (MEDIUM)"
    )
    yield from _wrapped(
        f"pump: stops by itself after {seconds(p.lease_ns)} of silence, within {seconds(p.stop_latency_ns)}; worst "
        f"extra {plain(p.worst_extra_percent_max)} % of the dose; {in_ml(p.spare_volume_nl)} mL to spare; "
        f"at rest {seconds(CONFIRM_WITHIN_NS)} after a value beyond a limit that acts at once; the sensor's averaging "
        "comes on top"
    )


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, PAGE_COLUMNS, initial_indent="  ", subsequent_indent="    ")


def _sources(reading: Reading, room: int) -> list[str]:
    """Return the owners, and of the distinct sources as many as the page has room for."""
    owners = f"OWNERS of these limits: {', '.join(reading.owners)}"
    sources = " | ".join(sorted({_short_source(citation) for citation in reading.citations}))
    return [
        textwrap.shorten(owners, PAGE_COLUMNS, placeholder=" ... (all in the file)"),
        *textwrap.wrap(
            f"SOURCES: {sources}",
            PAGE_COLUMNS,
            subsequent_indent="  ",
            max_lines=max(room - 1, 1),
            placeholder=" ... (the rest in the file)",
        ),
    ]


def _short_source(citation: str) -> str:
    return citation.replace("proposal of the pumpd authors, unapproved", "proposal").removeprefix("proposal; ")


def _signatures() -> Iterator[str]:
    yield "I have read this page and approve these limits for the hash above."
    for words in ("prescriber", "second person"):
        yield ""
        yield f"{words:14} name ________________________  signature ________________________  date __________"
