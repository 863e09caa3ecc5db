"""`pumpd users` on the command line: who may log in, and as what."""

import argparse
import sys
from getpass import getpass
from pathlib import Path

from pumpd.core.commands import Role
from pumpd.mqtt.passwords import PasswordError, checked
from pumpd.mqtt.site import SiteError, load_site
from pumpd.mqtt.users import add_user, generated_password, remove_user

_NEXT = "Now write the broker's configuration again (pumpd broker-config), and start broker and daemons anew."


def run_users(options: argparse.Namespace) -> int:
    """Carry out `pumpd users`; return the exit code."""
    try:
        match options.act:
            case "add":
                return _add(options)
            case "remove":
                remove_user(options.site, options.name)
                print(f"{options.name} is no operator any more. {_NEXT}")
            case _:
                for name, role in load_site(options.site).operators.items():
                    print(f"{name:<32} {role.value}")
    except (SiteError, PasswordError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _add(options: argparse.Namespace) -> int:
    if options.generate:
        password = generated_password()
    else:
        password = checked(getpass(f"password for {options.name}: "), options.name)
        if getpass("the same again: ") != password:
            print("the two passwords differ; nobody was added", file=sys.stderr)
            return 2
    add_user(options.site, options.name, Role(options.role), password)
    if options.generate:
        print(f"password of {options.name}, shown this once: {password}")
    print(f"{options.name} is a {options.role}. {_NEXT}")
    return 0


def add_users_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd users` to the command line."""
    parser = subparsers.add_parser("users", help="add, remove and list the people of a site", allow_abbrev=False)
    acts = parser.add_subparsers(title="act", dest="act", metavar="ACT", required=True)
    for act, meaning in (("add", "add a person"), ("remove", "remove a person"), ("list", "list the people")):
        one = acts.add_parser(act, help=meaning, allow_abbrev=False)
        one.add_argument("--site", type=Path, required=True, help="the site file")
        one.set_defaults(handler=run_users)
        if act == "list":
            continue
        one.add_argument("name", help="her account: 1 to 32 letters, digits and hyphens")
        if act == "add":
            one.add_argument("--role", choices=[role.value for role in Role], required=True)
            one.add_argument("--generate", action="store_true", help="make a random password and print it once")
