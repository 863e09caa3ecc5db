"""`pumpd clinic`: the clinic's process, and what is done at its own machine because it names a patient's code."""

import argparse
import asyncio
import contextlib
import re
import secrets
import signal
import sys
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.clinic.decide import RefusedError, assign
from pumpd.clinic.desk import Desk
from pumpd.clinic.gates import Policy
from pumpd.clinic.store import MovedError, Store
from pumpd.mqtt.session import BrokerSession, Callbacks
from pumpd.mqtt.site import ClinicSection, Site, SiteError, load_site
from pumpd.mqtt.topics import RESERVED_BED, clinic_filters
from pumpd.records.database import JournalError, WriterLock

if TYPE_CHECKING:
    from argparse import _SubParsersAction

TICK_S = 30.0
"""How late a bed may hear that its clearance is out of time; it knows by itself, since the clearance says when."""
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{2,31}")


def add_clinic_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd clinic` to the command line."""
    clinic = subparsers.add_parser("clinic", help="run the clinic's process: courses, gates, clearances")
    clinic.add_argument("--site", type=Path, required=True, help="the site file")
    clinic.set_defaults(handler=_run)
    acts = clinic.add_subparsers(title="act", metavar="ACT")
    one = acts.add_parser("assign", help="give a course its patient, by the clinic's pseudonym", allow_abbrev=False)
    one.add_argument("course", metavar="COURSE")
    one.add_argument("code", metavar="CODE", help="3 to 32 letters, digits and hyphens; never a name")
    one.set_defaults(handler=_assign)
    listed = acts.add_parser("list", help="show which course is whose", allow_abbrev=False)
    listed.set_defaults(handler=_list)


def policy_of(section: ClinicSection) -> Policy:
    """Return what the site file says of the clinic's rules."""
    return Policy(
        screening_valid_days=section.screening_valid_days,
        consultation_valid_days=section.consultation_valid_days,
        preparation_valid_days=section.preparation_valid_days,
        ecg_valid_days=section.ecg_valid_days,
        labs_valid_days=section.labs_valid_days,
        preparatory_sessions=section.preparatory_sessions,
        infusions=section.infusions,
        least_days_between=section.least_days_between,
        alcohol_least_days_between=section.alcohol_least_days_between,
        score_valid_days=section.score_valid_days,
        score_rise=section.score_rise,
        contraindications=tuple(section.contraindications),
    )


def now_here() -> datetime:
    """Return the time with the time zone of this machine: a day of the clinic is one of its own calendar."""
    return datetime.now().astimezone()


def _wall() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _opened(site: Site) -> Store:
    return Store(site.clinic_database, wall=_wall)


def _run(options: argparse.Namespace) -> int:
    try:
        site = load_site(options.site)
        path = site.clinic_database
        lock = WriterLock(path)
    except (SiteError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with contextlib.closing(_opened(site)) as store:
            asyncio.run(serve(site, store))
    except (SiteError, JournalError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        lock.release()
    return 0


async def serve(site: Site, store: Store) -> None:
    """Run the clinic's process until it is asked to end."""
    section = site.clinic
    if section is None:
        raise SiteError(f"{site.path} has no [clinic] section; add one with account and database")
    beds = tuple(site.beds)
    policy = policy_of(section)
    session: BrokerSession

    def publish(topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        session.publish(topic, payload, qos=qos, retain=retain)

    desk = Desk(
        store,
        policy=policy,
        operators=site.operators,
        beds=beds,
        now=now_here,
        publish=publish,
    )
    session = BrokerSession(
        endpoint=site.endpoint,
        bed=RESERVED_BED,
        account=section.account,
        password=site.service_password(section.account),
        boot=secrets.token_hex(8),
        filters=clinic_filters(beds),
        callbacks=Callbacks(
            on_connected=desk.connected,
            on_message=desk.message,
            on_lost=lambda reason: print(reason, file=sys.stderr, flush=True),
        ),
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    tasks: list[asyncio.Task[None]] = [
        loop.create_task(session.run(), name="broker-session"),
        loop.create_task(_tick(desk), name="clinic-tick"),
    ]
    print(f"clinic: {len(store.register.courses)} courses, beds {', '.join(beds)}", flush=True)
    for name in policy.unset():
        print(f"{name} is not set in [clinic] of {site.path}: nobody can be cleared", file=sys.stderr, flush=True)
    for task in tasks:
        task.add_done_callback(lambda _: ended.set())
    try:
        await ended.wait()
        for task in tasks:
            if task.done():
                task.result()  # a task that ends by itself has failed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tick(desk: Desk) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        desk.tick()


def _assign(options: argparse.Namespace) -> int:
    if CODE.fullmatch(options.code) is None:
        print("a patient's code has 3 to 32 letters, digits and hyphens, and is never a name", file=sys.stderr)
        return 2
    try:
        with contextlib.closing(_opened(load_site(options.site))) as store:
            while True:
                entry = assign(
                    options.course,
                    options.code,
                    store.register,
                    by=getuser(),
                    command_id=secrets.token_hex(8),
                    now=now_here(),
                )
                try:
                    store.append(entry)
                    break
                except MovedError:
                    store.catch_up()
    except (SiteError, JournalError, RefusedError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"course {options.course} is that of {options.code}")
    return 0


def _list(options: argparse.Namespace) -> int:
    try:
        with contextlib.closing(_opened(load_site(options.site))) as store:
            for course in store.register.courses.values():
                print(f"{course.id:<20} {course.patient_code or 'nobody yet':<34} {len(course.infusions)} infusions")
    except (SiteError, JournalError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
