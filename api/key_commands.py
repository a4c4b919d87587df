"""`tenkyo keys`: makes, lists and revokes API keys. A running service knows at once."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from api.cli import Json, clear_errors
from api.keys import Keys, Scope
from api.settings import Settings

app = typer.Typer(no_args_is_help=True, help="API keys: make, list and revoke them.")
ScopeOption = Annotated[
    Scope,
    typer.Option(help="read: ask, read; write: also add documents, forget answers; admin: also delete documents."),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.")],
    scope: ScopeOption = "read",
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once, on standard output: only its SHA-256 is kept."""
    with clear_errors():
        key, token = Keys(Settings().keys).add(name, scope)
    typer.echo(json.dumps(asdict(key) | {"token": token}, ensure_ascii=False) if as_json else token)
    typer.echo(f"tenkyo: key {key.key_id} ({scope}). Keep it now: it is not shown again.", err=True)


@app.command(name="list")
def list_keys(as_json: Json = False) -> None:
    """The keys, revoked ones too, without their secrets."""
    with clear_errors():
        keys = Keys(Settings().keys).all()
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in keys], ensure_ascii=False, indent=2))
        return
    for key in keys:
        revoked = f"  revoked {key.revoked}" if key.revoked else ""
        typer.echo(f"{key.key_id}  {key.scope:5}  {key.created}  {key.name}{revoked}")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `tenkyo keys list` shows it.")]) -> None:
    """Let nobody in with this key any more, nor with the page's sessions that it opened."""
    with clear_errors():
        Keys(Settings().keys).revoke(key_id)
