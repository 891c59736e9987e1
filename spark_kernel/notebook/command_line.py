"""The command `spark-kernel`: run a notebook, look at the installation, draw a saved event log.

Exit status: 0 all went well, 1 it did not (a cell failed, something is missing), 2 the command can't be understood or
its input can't be used, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from spark_kernel import __version__
from spark_kernel.common.errors import SparkKernelError
from spark_kernel.notebook.nearest import did_you_mean
from spark_kernel.notebook.screen import say

WRONG_USE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments, by default those of the process, ask for; returns the exit status."""
    _survive_plain_terminals()
    try:
        chosen = _parser().parse_args(arguments)
        action: Callable[[argparse.Namespace], int] = chosen.action
        return action(chosen)
    except SparkKernelError as error:
        sys.stderr.write(f"spark-kernel: {error}\n")
        return WRONG_USE
    except KeyboardInterrupt:
        sys.stderr.write("spark-kernel: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` has.
        sys.stderr.close()
        return 1


def _survive_plain_terminals() -> None:
    """Trees have marks and bars that not every terminal's encoding has: show another sign instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class Parser(argparse.ArgumentParser):
    """argparse, with the nearest word in its complaints."""

    commands: Sequence[str] = ()

    def parse_args(self, args: Sequence[str] | None = None, namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        """Parse, after a look at the command's name."""
        words = list(sys.argv[1:] if args is None else args)
        if words and not words[0].startswith("-") and words[0] not in self.commands:
            self.error(f"there is no command {words[0]!r}. {did_you_mean(words[0], self.commands)}")
        known, unknown = self.parse_known_args(words)
        if unknown:
            flags = [flag for action in _all_actions(self) for flag in action.option_strings]
            self.error(f"unexpected {unknown[0]!r}. {did_you_mean(unknown[0], flags)}")
        return known

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with status 2."""
        sys.stderr.write(f"{self.prog}: {message}\n{self.format_usage()}")
        raise SystemExit(WRONG_USE)


def _all_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    nested = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [*parser._actions, *(action for choices in nested for each in choices.values() for action in each._actions)]


def _parser() -> Parser:
    parser = Parser(prog="spark-kernel", description="Spark's programming model in a notebook, without the JVM.")
    parser.add_argument("--version", action="version", version=f"spark-kernel {__version__}")
    parser.set_defaults(action=lambda chosen: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    run = commands.add_parser("run", help="execute a notebook in the Spark kernel and write it down executed")
    run.add_argument("notebook", metavar="NOTEBOOK", type=Path, help="the .ipynb file; it is not changed")
    run.add_argument("-o", "--output", metavar="DIR", type=Path, help="folder for the executed notebook and its page")
    run.add_argument(
        "--timeout", metavar="S", type=_seconds, help="seconds that one cell may take; no limit by default"
    )
    run.set_defaults(action=_run)

    doctor = commands.add_parser("doctor", help="say what is installed and what to do about what is missing")
    doctor.set_defaults(action=_doctor)

    card = commands.add_parser("card", help="draw the run cards of a saved event log")
    card.add_argument("log", metavar="LOG_URL", help="folder of one application below spark.eventLog.dir; any storage")
    card.add_argument("--html", metavar="FILE", type=Path, help="write a page with pictures instead of text")
    card.set_defaults(action=_card)

    parser.commands = list(commands.choices)
    return parser


def _seconds(text: str) -> int:
    """Whole seconds, which is what the executor counts in."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return math.ceil(seconds)


def _help(parser: Parser) -> int:
    say(parser.format_help().rstrip())
    return 0


def _run(chosen: argparse.Namespace) -> int:
    # Loads Jupyter's executor, which the other commands don't need.
    from spark_kernel.notebook.run_notebook import run_notebook

    return run_notebook(chosen.notebook, chosen.output, chosen.timeout)


def _doctor(chosen: argparse.Namespace) -> int:
    from spark_kernel.notebook.doctor import examine, is_ready, report

    findings = examine()
    say(report(findings))
    return 0 if is_ready(findings) else 1


def _card(chosen: argparse.Namespace) -> int:
    from spark_kernel.notebook.saved_runs import as_text, runs_of_log, write_page

    runs = runs_of_log(chosen.log)
    if chosen.html is None:
        say(as_text(runs))
    else:
        write_page(runs, chosen.html)
        say(f"Wrote {chosen.html}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
