"""`wallarood keys`: an authority for a cluster, and what each of its workers needs."""

import argparse
from pathlib import Path

AUTHORITY = Path("wallarood-authority")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its own subcommands."""
    parser = subparsers.add_parser(
        "keys",
        help="make the keys and certificates of a cluster",
        description="Make the keys and certificates of a cluster: 'init' once, 'issue' for every "
        "worker; what it makes is copied to /etc/wallaroo/keys on the worker's host.",
    )
    commands = parser.add_subparsers(dest="keys_command", required=True, metavar="COMMAND")
    init = commands.add_parser(
        "init",
        help="make an authority and a cluster key",
        description="Make an authority and a cluster key. Keep the directory away from the "
        "workers: anyone who has it can join the cluster.",
    )
    _add_directory(init)
    one = commands.add_parser(
        "issue",
        help="make the files that one worker needs",
        description="Make what one worker needs: its certificate and private key, the cluster key "
        "and the authority's certificate. Issue it again before it expires.",
    )
    one.add_argument("name", metavar="NAME", help="the worker's name")
    _add_directory(one)
    one.add_argument("--out", type=Path, metavar="DIR", help="where to put it (default: NAME)")
    one.add_argument(
        "--days", type=float, default=825.0, metavar="N", help="days until it expires (default 825)"
    )
    show = commands.add_parser(
        "show",
        help="show the worker and the expiry date of certificates",
        description="Show the worker and the expiry date of certificates.",
    )
    show.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a certificate")


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--authority",
        type=Path,
        default=AUTHORITY,
        metavar="DIR",
        help=f"the authority's directory (default: {AUTHORITY})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from wallarood.net import authority

    match arguments.keys_command:
        case "init":
            for file in authority.make_authority(arguments.authority):
                print(file)
        case "issue":
            out = arguments.out or Path(arguments.name)
            for file in authority.issue(
                arguments.authority, arguments.name, out, days=arguments.days
            ):
                print(file)
        case "show":
            for file in arguments.files:
                certificate = authority.read_certificate(file)
                worker = authority.worker_of(certificate) or "(an authority)"
                until = certificate.not_valid_after_utc.date()
                print(f"{file}: {worker}, until {until}", end="")
                print(f", {authority.days_left(certificate):.0f} days left")
    return 0
