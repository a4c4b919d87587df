"""The errors that a caller can do something about. Each message names the value and the remedy."""


class TenkyoError(Exception):
    """Base of all errors that are shown to a person as they are."""


class SourceRefused(TenkyoError):
    """A file can't be taken in: wrong bytes, wrong encoding, empty, not text. `code`: which of these, for a program."""

    def __init__(self, message: str, code: str = "source_refused"):
        super().__init__(message)
        self.code = code


class IndexMissing(TenkyoError):
    """There is no index yet."""


class IndexDamaged(TenkyoError):
    """A file of the index isn't what its manifest says."""


class IndexMismatch(TenkyoError):
    """The index was made with another tokeniser, model or format than the program has now."""


class LibraryDamaged(TenkyoError):
    """A file of the library of documents isn't what was written."""


class IndexBusy(TenkyoError):
    """Another process is writing the index."""


class BadGlossary(TenkyoError):
    """A row of a glossary that can't be read."""


class BadExpansions(TenkyoError):
    """A row of questions for a passage that can't be read, or whose place isn't in its document."""


class LanguageModelFailed(TenkyoError):
    """The language model's endpoint can't be reached, refuses, or answers nonsense.

    The message names the endpoint and what it said, for who runs the service; `reason` is for who asks it.
    """

    def __init__(self, endpoint: str, reason: str, details: object = ""):
        super().__init__(f"{endpoint} {reason}{f': {details}' if details else ''}")
        self.reason = reason


class NotFound(TenkyoError):
    """No document, passage or kept answer has this id."""


class ModelMissing(TenkyoError):
    """The embedding model's files are not where they should be."""


class BadFilter(TenkyoError):
    """A search filter names something that doesn't exist, or a date that isn't one. `pointer`: to the field."""

    def __init__(self, message: str, pointer: str | None = None):
        super().__init__(message)
        self.pointer = pointer


class StoreUnreachable(TenkyoError):
    """The cluster that holds the index can't be reached, or doesn't answer in time."""


class StoreFull(TenkyoError):
    """The cluster takes nothing more in: its disk, its memory or its quota is used up."""


class StoreRefused(TenkyoError):
    """The cluster refuses a request: a wrong token, a database that isn't there, a row that is too long."""
