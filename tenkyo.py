"""Mounts the command line."""

from api.cli import app
from api.doctor import doctor
from eval.cli import app as eval_app

app.command()(doctor)
app.add_typer(eval_app, name="eval")

if __name__ == "__main__":
    app()
