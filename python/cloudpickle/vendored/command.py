"""The command line of `python -m cloudpickle`. What it does is in the functions of `cloudpickle.vendored`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cloudpickle import __version__

from . import FRAMEWORKS, Outcome, State, VendoredError, replace, restore, status

DESCRIPTION = """\
cloudpickle is a library: `import cloudpickle`, then `cloudpickle.dumps(object)` here and `pickle.loads(data)` there.

The one command is about frameworks that carry a copy of cloudpickle inside, and lets them run on the installed one:

  python -m cloudpickle vendored status              which cloudpickle each framework runs on
  python -m cloudpickle vendored replace ray         let Ray use the installed one
  python -m cloudpickle vendored restore ray         put Ray's own copy back
"""

VENDORED_DESCRIPTION = f"""\
Frameworks that carry a copy of cloudpickle inside: {", ".join(FRAMEWORKS)}.

`replace` puts a few lines in the place of the modules of that copy, which hand over to the cloudpickle that is
installed beside. It is run once per environment, and on each machine of a cluster; processes that start from the
environment later, workers included, follow. Processes that run keep the copy that they imported. `restore` puts the
same files back.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser, vendored = _parsers()
    asked = parser.parse_args(arguments)
    if asked.command is None:
        parser.print_help()
        return 0
    if asked.action is None:
        vendored.print_help()
        return 0
    try:
        if asked.action == "status":
            for each in status(*asked.framework):
                print(each)
            return 0
        return _change(asked.action, asked.framework)
    except VendoredError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parser of everything, and that of `vendored`."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m cloudpickle", description=DESCRIPTION, formatter_class=layout)
    parser.add_argument("--version", action="version", version=f"cloudpickle {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    vendored = commands.add_parser(
        "vendored",
        help="let frameworks with a copy of cloudpickle inside use the installed one",
        description=VENDORED_DESCRIPTION,
        formatter_class=layout,
    )
    actions = vendored.add_subparsers(dest="action", metavar="ACTION")
    for action, purpose in (
        ("status", "say which cloudpickle each framework runs on"),
        ("replace", "let frameworks use the installed cloudpickle"),
        ("restore", "put the frameworks' own copies back"),
    ):
        command = actions.add_parser(action, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        command.add_argument(
            "framework",
            nargs="*",
            help=f"{', '.join(FRAMEWORKS)}; without any, all that are installed",
        )
    return parser, vendored


def _change(action: str, names: Sequence[str]) -> int:
    """Replace or restore, print what became of it, and go on after a failure with the other frameworks."""
    change = {"replace": replace, "restore": restore}[action]
    without_copy = (State.NOT_INSTALLED, State.NO_COPY)
    names = names or [each.framework for each in status() if each.state not in without_copy]
    if not names:
        print(f"none of {', '.join(FRAMEWORKS)} is installed here with a copy of cloudpickle inside")
    failed = changed = False
    for name in names:
        try:
            outcome = change(name)
        except VendoredError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
        else:
            changed = changed or outcome.changed
            _print(outcome)
    if changed:
        print("Processes that run keep what they imported.")
    return 1 if failed else 0


def _print(outcome: Outcome) -> None:
    print(outcome.status if outcome.changed else f"{outcome.status} (as before)")
    for note in outcome.notes:
        print(f"  {note}")
