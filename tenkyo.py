"""Mounts the command line."""

from api.cli import app
from api.key_commands import app as keys_app
from eval.cli import app as eval_app

app.add_typer(keys_app, name="keys")
app.add_typer(eval_app, name="eval")

if __name__ == "__main__":
    app()
