"""The command line: subcommands, registered by the parts they belong to. Simulators add theirs by an entry point."""

import argparse
import sys
from importlib.metadata import entry_points, version

from pumpd.bedside import check_command, replay_command, run_command, stop_command
from pumpd.clinic.command import add_clinic_parser
from pumpd.dashboard.command import add_dashboard_parser
from pumpd.mqtt.broker_command import add_broker_config_parser, add_broker_parser
from pumpd.mqtt.course import add_course_parser
from pumpd.mqtt.nurse import add_nurse_parser
from pumpd.mqtt.users_command import add_users_parser
from pumpd.mqtt.watch import add_watch_parser
from pumpd.records.backup_command import add_backup_parser, add_restore_parser
from pumpd.records.evidence_command import add_evidence_parser
from pumpd.records.export_command import add_export_parser
from pumpd.records.report_command import add_report_parser
from pumpd.records.verify_command import add_verify_parser

ENTRY_POINT_GROUP = "pumpd.subcommands"


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return its exit status: 0 done, 1 refused or failed, 2 wrong call, 3 outcome unknown."""
    parser = argparse.ArgumentParser(
        prog="pumpd",
        description="Supervised, weight-based infusion: one daemon per pump. Not a certified medical device.",
    )
    parser.add_argument("--version", action="version", version=version("pumpd"))
    subparsers = parser.add_subparsers(title="subcommands", required=True, metavar="SUBCOMMAND")
    for add in (
        run_command.add_parser,
        stop_command.add_parser,
        check_command.add_parser,
        add_nurse_parser,
        add_clinic_parser,
        add_course_parser,
        add_watch_parser,
        add_broker_parser,
        add_broker_config_parser,
        add_users_parser,
        add_dashboard_parser,
        add_verify_parser,
        add_evidence_parser,
        replay_command.add_parser,
        add_report_parser,
        add_export_parser,
        add_backup_parser,
        add_restore_parser,
    ):
        add(subparsers)
    words = sys.argv[1:] if arguments is None else arguments
    asks_help = not words or words[0] in {"-h", "--help"}
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda found: found.name):
        # loaded only when it is called for: a daemon never imports a simulator
        if asks_help or entry_point.name in words[:1]:
            entry_point.load()(subparsers)
    parsed = parser.parse_args(words)
    try:
        return int(parsed.handler(parsed))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
