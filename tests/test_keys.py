"""API keys: what is kept of them, what is shown, when they stop to work."""

import json
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer import Typer
from typer.testing import CliRunner

from api import cli, key_commands
from api.keys import SESSION_DAYS, Keys, KeysDamaged
from retriever.errors import NotFound


def run(home: Path, app: Typer, *arguments: str, **settings: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"TENKYO_HOME": str(home)} | settings)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.sqlite")


def test_a_key_is_found_by_its_token_alone(keys: Keys) -> None:
    key, token = keys.add("newsroom", "write")
    other, other_token = keys.add("other", "read")
    assert keys.find(token) == key
    assert (key.name, key.scope, key.revoked) == ("newsroom", "write", None)
    for wrong in (
        "",
        "tenkyo_",
        f"tenkyo_{key.key_id}_",
        token[:-1],
        token + "x",
        token.replace(key.key_id, other.key_id),
        f"tenkyo_{key.key_id}_{other_token.rpartition('_')[2]}",
        token.upper(),
        "é_é_é",
        "tenkyo_' OR 1=1 --_x",
    ):
        assert keys.find(wrong) is None, wrong


def test_no_secret_is_kept_and_only_the_owner_reads_the_file(keys: Keys) -> None:
    key, token = keys.add("newsroom", "read")
    session = keys.open_session(key)
    keys.close()
    for file in keys.path.parent.iterdir():
        content = file.read_bytes()
        assert token.split("_", 2)[2].encode() not in content
        assert session.split("_", 1)[1].encode() not in content
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in repr(key)


def test_a_token_holds_256_random_bits(keys: Keys) -> None:
    tokens = {keys.add("x", "read")[1].split("_", 2)[2] for _ in range(50)}
    assert len(tokens) == 50
    assert {len(token) for token in tokens} == {43}  # 32 bytes in base64


def test_a_key_that_another_process_revokes_is_dead_at_once(keys: Keys) -> None:
    key, token = keys.add("newsroom", "read")
    session = keys.open_session(key)
    assert keys.session(session) == key
    elsewhere = Keys(keys.path)
    elsewhere.revoke(key.key_id)
    assert (keys.find(token), keys.session(session)) == (None, None)
    assert [(known.key_id, known.revoked is None) for known in keys.all()] == [(key.key_id, False)]
    with pytest.raises(NotFound, match=key.key_id):
        keys.revoke(key.key_id)


def test_once_there_was_a_key_one_is_needed_for_good(keys: Keys) -> None:
    assert (keys.required(), keys.path.exists()) == (False, False)
    key, _ = Keys(keys.path).add("newsroom", "read")
    assert keys.required()
    keys.revoke(key.key_id)
    assert Keys(keys.path).required()


def test_a_session_ends_by_itself_or_when_it_is_closed(keys: Keys) -> None:
    key, _ = keys.add("newsroom", "read")
    first, second = keys.open_session(key), keys.open_session(key)
    keys.close_session(first[:-1])
    assert keys.session(first) == key
    keys.close_session(first)
    assert (keys.session(first), keys.session(second)) == (None, key)
    past = f"{datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    with sqlite3.connect(keys.path) as connection:
        (expires,) = connection.execute("SELECT expires FROM sessions").fetchone()
        connection.execute("UPDATE sessions SET expires = ?", (past,))
    connection.close()
    assert f"{datetime.now(UTC) + timedelta(SESSION_DAYS):%Y-%m-%d}" == expires[:10]
    assert keys.session(second) is None


def test_each_scope_may_what_those_before_it_may(keys: Keys) -> None:
    read, write, admin = (keys.add("x", scope)[0] for scope in ("read", "write", "admin"))
    assert [key.may("write") for key in (read, write, admin)] == [False, True, True]
    assert [key.may("admin") for key in (read, write, admin)] == [False, False, True]


def test_a_damaged_file_lets_nobody_in(keys: Keys) -> None:
    keys.path.write_text("no database, but long enough to be taken for one" * 100)
    with pytest.raises(KeysDamaged):
        keys.required()


def test_keys_are_made_listed_and_revoked_on_the_command_line(tmp_path: Path) -> None:
    made = run(tmp_path, key_commands.app, "add", "編集部", "--scope", "write")
    token = made.stdout.strip()
    key = Keys(tmp_path / "keys.sqlite").find(token)
    assert key and (key.name, key.scope) == ("編集部", "write")
    assert made.stderr == f"tenkyo: key {key.key_id} (write). Keep it now: it is not shown again.\n"
    listed = run(tmp_path, key_commands.app, "list")
    assert listed.stdout == f"{key.key_id}  write  {key.created}  編集部\n"
    assert (
        run(tmp_path, key_commands.app, "revoke", key.key_id).exit_code,
        run(tmp_path, key_commands.app, "revoke", "x").exit_code,
    ) == (0, 1)
    (left,) = json.loads(run(tmp_path, key_commands.app, "list", "--json").stdout)
    assert left["revoked"] and "sha256" not in left
    assert run(tmp_path, key_commands.app, "add", "x", "--scope", "root").exit_code == 2


def test_without_a_key_only_this_machine_is_served(tmp_path: Path) -> None:
    for arguments, settings in ((("--host", "0.0.0.0"), {}), ((), {"TENKYO_HOSTS": "tenkyo.example"})):
        refused = run(tmp_path, cli.app, "serve", *arguments, **settings)
        assert refused.exit_code == 1
        assert "without an API key only this machine is served" in refused.stderr
        assert "tenkyo keys add" in refused.stderr
    key, _ = Keys(tmp_path / "keys.sqlite").add("gone", "read")
    Keys(tmp_path / "keys.sqlite").revoke(key.key_id)
    assert "without an API key" in run(tmp_path, cli.app, "serve", "--host", "0.0.0.0").stderr
