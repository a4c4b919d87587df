"""Mounts the command line."""

import typer

from api.cli import app
from api.key_commands import app as keys

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
app.add_typer(keys, name="keys")


@app.command("eval", context_settings=_PASSED_ON, add_help_option=False)
def evaluate(context: typer.Context) -> None:
    """Evaluation runs: metrics with intervals, comparison, report, gate, benchmarks."""
    from eval.cli import app as evaluation  # takes a second to load, and no other command needs it

    evaluation(context.args, prog_name="tenkyo eval")


if __name__ == "__main__":
    app()
