"""The command line: `tacit`. Each command is one use case; see `tacit --help`.

Exit codes: 0 success; 1 an error, said in one line, or nobody reads the output; 2 wrong usage; 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

import click

import tacit
from tacit.cli import (
    agent,
    authoring,
    builds,
    catalog,
    governance,
    history,
    machine,
    policies,
    running,
    runs,
    serving,
    shell,
    showing,
    stats,
)
from tacit.cli.terminal import report
from tacit.errors import InternalError

__all__ = ["main"]

INTERRUPTED = 130
_log = logging.getLogger(__name__)


SECTIONS = {
    "Use": (agent, running, shell, serving),
    "Make": (authoring, builds),
    "Look and keep": (catalog, showing, history, runs, stats),
    "Decide": (governance, policies),
    "Set up": (machine,),
}
"""The commands' modules, under the headings of the help."""


class _Program(click.Group):
    """Lists its commands under headings."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Write a section for each heading."""
        for heading, modules in SECTIONS.items():
            commands = [command for module in modules for command in module.COMMANDS]
            limit = formatter.width - 6 - max(len(name) for name in self.commands)
            with formatter.section(heading):
                formatter.write_dl([(command.name or "", command.get_short_help_str(limit)) for command in commands])


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tacit.__version__, prog_name="tacit")
def program() -> None:
    """Procedural memory for LLM agents: find, run and make sandboxed capabilities."""


for _modules in SECTIONS.values():
    for _module in _modules:
        for _command in _module.COMMANDS:
            program.add_command(_command)


def main() -> NoReturn:
    """Run the command that `sys.argv` names and exit with its code."""
    try:
        code = program.main(standalone_mode=False, prog_name="tacit")
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except Exception:
        _log.exception("the command broke")
        code = report(InternalError("Something broke inside Tacit; the lines above say where."))
    sys.exit(code if isinstance(code, int) else 0)
