"""Whether others than this machine may be served."""

from api.keys import Keys
from api.names import is_loopback
from api.settings import Settings
from retriever.errors import TenkyoError


class NoKey(TenkyoError):
    """The service would be open to everybody who reaches it."""


def check_exposure(host: str, settings: Settings) -> None:
    """`host`: the address to listen on. Raises `NoKey`."""
    outside = f"--host {host}" if not is_loopback(host) else settings.hosts and f"TENKYO_HOSTS={settings.hosts}"
    if outside and all(key.revoked for key in Keys(settings.keys).all()):
        raise NoKey(
            f"{outside}: without an API key only this machine is served (127.0.0.1, ::1, localhost). "
            "Make a key first: tenkyo keys add NAME"
        )
