"""Mounts the command line."""

from api.cli import app

if __name__ == "__main__":
    app()
