"""`pumpd dashboard` on the command line. The web framework is loaded only when it is to run."""

import argparse
import asyncio
import ssl
import sys
from pathlib import Path

from pumpd.mqtt.broker_command import port_number
from pumpd.mqtt.connection import tls_fault
from pumpd.mqtt.site import SiteError, is_loopback, load_site

DEFAULT_PORT = 8080
DEFAULT_QUIET_S = 30
MAX_QUIET_S = 120
MAX_PROCEDURE_BYTES = 8 * 1024


def run_dashboard(options: argparse.Namespace) -> int:
    """Carry out `pumpd dashboard`; return the exit code."""
    wrong = _wrong(options)
    if wrong is not None:
        print(wrong, file=sys.stderr)
        return 2
    try:
        from pumpd.dashboard import app, hall
    except ModuleNotFoundError as error:
        print(f"the dashboard needs {error.name}: install pumpd with the extra [dashboard]", file=sys.stderr)
        return 2
    try:
        procedure = "" if options.procedure is None else options.procedure.read_text(encoding="utf-8")
        served = app.Options(
            host=options.host,
            port=options.port,
            certificate=None if options.cert_file is None else (options.cert_file, options.key_file),
            quiet_s=options.quiet_s,
            procedure=procedure[:MAX_PROCEDURE_BYTES],
        )
        asyncio.run(app.serve(hall.Hall(load_site(options.site), reader=options.reader), served))
    except SiteError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, UnicodeDecodeError) as error:
        print(f"the file of the procedure cannot be read: {error}", file=sys.stderr)
        return 2
    return 0


def _wrong(options: argparse.Namespace) -> str | None:
    if (options.cert_file is None) != (options.key_file is None):
        return "--cert-file and --key-file belong together: give both or neither"
    if options.cert_file is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.cert_file, options.key_file)
        except OSError as error:
            pair = f"--cert-file {options.cert_file} and --key-file {options.key_file}"
            return f"{pair} cannot be used ({tls_fault(error)}): give a certificate in PEM and its own key"
    elif not is_loopback(options.host):
        return f"--host {options.host} is another machine's too: passwords cross it, so give --cert-file and --key-file"
    if not 0 <= options.quiet_s <= MAX_QUIET_S:
        return f"--quiet-s {options.quiet_s}: a therapy room may be silent for 0 to {MAX_QUIET_S} s"
    return None


def add_dashboard_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd dashboard` to the command line."""
    parser = subparsers.add_parser("dashboard", help="serve the nurses' pages", allow_abbrev=False)
    parser.add_argument("--site", type=Path, required=True, help="the site file")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; another than loopback needs TLS")
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT)
    parser.add_argument("--cert-file", type=Path, help="the pages' certificate")
    parser.add_argument("--key-file", type=Path, help="its key")
    parser.add_argument("--reader", default="dashboard", help="the account that draws the screens")
    parser.add_argument(
        "--quiet-s",
        type=int,
        default=DEFAULT_QUIET_S,
        help="how long a window in a therapy room keeps silent about alarms below high priority",
    )
    parser.add_argument("--procedure", type=Path, metavar="FILE", help="the site's text on what to do in a pause")
    parser.set_defaults(handler=run_dashboard)
