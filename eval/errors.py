"""What can go wrong in an evaluation, each with file and line or with the value."""

from retriever.errors import TenkyoError


class BadQuestions(TenkyoError):
    """A question file holds something that can't be evaluated: nothing is dropped silently."""


class BadRun(TenkyoError):
    """A run's folder is incomplete, empty or doesn't fit the other one."""


class ServerFailed(TenkyoError):
    """The service under evaluation stopped answering."""


class ScoresFell(TenkyoError):
    """A score is significantly below the expected one."""


class PeerFailed(TenkyoError):
    """A tool that is compared with this one crashed."""
