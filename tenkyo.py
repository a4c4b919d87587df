"""Mounts the command line."""

import gc

gc.disable()  # a fifth of the time to import everything would go into looking for garbage where none is
import typer  # noqa: E402

from api.cli import app  # noqa: E402
from api.doctor import doctor  # noqa: E402
from api.key_commands import app as keys  # noqa: E402
from api.moving import move  # noqa: E402

gc.freeze()  # what is loaded stays
gc.enable()
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command()(doctor)
app.command()(move)
app.add_typer(keys, name="keys")


@app.command("eval", context_settings=_PASSED_ON, add_help_option=False)
def evaluate(context: typer.Context) -> None:
    """Evaluation runs: metrics with intervals, comparison, report, gate, benchmarks."""
    from eval.cli import app as evaluation  # takes a second to load, and no other command needs it

    evaluation(context.args, prog_name="tenkyo eval")


if __name__ == "__main__":
    app()
