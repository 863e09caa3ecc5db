"""How often pumpd pauses for nothing on recorded vital signs: `make bench ARGS=false_pauses`, or `--csv FILE ...`.

Recordings are played to the real core (requirement ALRM-06). Without `--csv` they are made from seeds: the simulated
monitors' bytes, as the drivers read them, of simulated healthy patients whose sensors slip. They are no patients'.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import structlog

from benchmarks.shared.playback import Halt, Played, play
from benchmarks.shared.recorded_bed import CONFIG, record
from benchmarks.shared.recording import Recording, RecordingError, load, parse, written
from pumpd.bedside.profile_file import ProfileError, load_profile
from pumpd.core.profile import Profile
from simulators.harness.revision import revision

SEEDS = 12
ABOUT = (
    "**No patient's recording is in these figures.** None was to be had under a licence that permits it. Simulated",
    "monitors wrote their bytes about simulated healthy patients, the drivers read them, and sensors slipped as often",
    "as `benchmarks/shared/recorded_bed.py` says: movement ten times an hour, a lost pulse four times, a probe that",
    "comes off twice, and wrong numbers that no flag tells six times. These rates are proposals for tests, and the",
    "figures follow them. What they say of a bed is which rules such slips meet, not how often it will pause: for",
    "that, play recordings of the site.",
    "",
    "A pause is *false* where for a minute before it no true value was beyond a limit that pauses or ends. A pause",
    "because a value is missing (`stale`) is meant: nobody then knows that the patient is well. It counts as false all",
    "the same.",
    "",
)
EXIT_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, and return the exit code: 0, or 2 where there is nothing to play."""
    parser = argparse.ArgumentParser(prog="false_pauses", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--csv", type=Path, nargs="+", metavar="FILE", help="recordings of a site, instead of simulated"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"simulated recordings ({SEEDS})")
    parser.add_argument("--profile", default="ketamine-40min", metavar="NAME", help="a profile of config/profiles")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the simulated recordings there")
    parser.add_argument("--evidence", type=Path, metavar="FILE", help="write the page for the documents")
    options = parser.parse_args(arguments)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        profile = load_profile(CONFIG / "profiles" / f"{options.profile}.toml")
        recordings = [load(path) for path in options.csv] if options.csv else _simulated(options)
        played = [play(recording, profile) for recording in recordings]
    except (ProfileError, RecordingError, OSError) as error:
        print(f"false_pauses: {error}", file=sys.stderr)
        return EXIT_REFUSED
    page = "\n".join(_page(profile, recordings, played, simulated=not options.csv)) + "\n"
    if options.evidence is not None:
        options.evidence.write_text(page, encoding="utf-8")
    print(page, end="")
    return 0


def _simulated(options: argparse.Namespace) -> list[Recording]:
    """Make the recordings, and take them through their own form as any other."""
    recordings = []
    with ProcessPoolExecutor() as pool:
        for seed, text in enumerate(pool.map(partial(_text, options.profile), range(1, options.seeds + 1)), 1):
            name = f"seed-{seed}"
            if options.keep is not None:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{name}.csv").write_text(text, encoding="ascii")
            recordings.append(parse(text, name))
            print(f"recorded {seed} of {options.seeds}", file=sys.stderr)
    return recordings


def _text(profile: str, seed: int) -> str:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    return written(record(seed, profile=profile))


def _page(
    profile: Profile, recordings: Sequence[Recording], played: Sequence[Played], *, simulated: bool
) -> Iterator[str]:
    running_h = sum(each.running_s for each in played) / 3_600
    halts = [halt for each in played for halt in each.halts]
    judged = [halt for halt in halts if halt.false is not None]
    false = [halt for halt in judged if halt.false]
    what = "simulated recordings (no patient is in them)" if simulated else "recordings"
    yield "# False pauses per hour"
    yield ""
    yield '<!-- Written by make bench ARGS="false_pauses --evidence FILE"; do not edit. -->'
    yield ""
    yield (
        f"{len(recordings)} {what}, {sum(each.hours for each in recordings):.1f} h; on them "
        f"{sum(each.infusions for each in played)} infusions that ran for {running_h:.1f} h. Profile {profile.name}, "
        f"version {profile.version}; commit {revision()}."
    )
    yield ""
    if simulated:
        yield from ABOUT
    if judged:
        rate = len(false) / running_h
        yield f"**{rate:.2f} false pauses for each hour of infusion**: {len(false)} of {len(judged)} pauses."
    if len(judged) < len(halts):
        unknown = len(halts) - len(judged)
        yield (
            f"**{unknown / running_h:.2f} pauses for each hour of infusion** on recordings that know no truth: "
            f"{unknown}, to be looked at by hand."
        )
    if not halts:
        yield f"**No pause in {running_h:.1f} h of infusion.**"
    yield ""
    yield from _table(halts, running_h)
    if len(judged) < len(halts):
        yield from _list([halt for halt in halts if halt.false is None])


def _table(halts: Sequence[Halt], running_h: float) -> Iterator[str]:
    yield "| rule | pauses | of them ends | false | false per hour |"
    yield "| --- | --- | --- | --- | --- |"
    for rule, count in Counter(halt.rule for halt in halts).most_common():
        own = [halt for halt in halts if halt.rule == rule]
        false = sum(halt.false is True for halt in own)
        yield f"| {rule} | {count} | {sum(halt.ended for halt in own)} | {false} | {false / running_h:.2f} |"


def _list(halts: Sequence[Halt]) -> Iterator[str]:
    yield ""
    yield "| recording | at (s) | rule | why |"
    yield "| --- | --- | --- | --- |"
    for halt in halts:
        yield f"| {halt.recording} | {halt.at_s:.0f} | {halt.rule} | {halt.text} |"


if __name__ == "__main__":
    sys.exit(main())
