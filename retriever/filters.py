"""Which documents and kinds of passage a search may find."""

import datetime
import re
from dataclasses import dataclass

from retriever.errors import BadFilter
from retriever.records import Document

_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


@dataclass(frozen=True)
class Filters:
    """Dates are ISO 8601 at the precision that is known; overlapping intervals match, unknown never does."""

    doc_ids: tuple[str, ...] = ()
    published_from: str | None = None
    published_to: str | None = None
    kinds: tuple[str, ...] = ()

    def check_dates(self) -> None:
        """Raises `BadFilter`, pointing at the field."""
        for name, date in (("published_from", self.published_from), ("published_to", self.published_to)):
            if date is not None:
                try:
                    date_interval(date)
                except BadFilter as error:
                    raise BadFilter(f"filters.{name}: {error}", f"/filters/{name}") from None
        first, last = self.published_from, self.published_to
        if first and last and date_interval(first)[0] > date_interval(last)[1]:
            raise BadFilter("filters.published_from: it is later than published_to.", "/filters/published_from")

    def pass_document(self, document: Document) -> bool:
        return self.pass_id(document.doc_id, document.published)

    def pass_id(self, doc_id: str, published: str | None) -> bool:
        """Whether a document gets through, by its id and date."""
        if self.doc_ids and doc_id not in self.doc_ids:
            return False
        if not (self.published_from or self.published_to):
            return True
        if not published:
            return False
        first, last = date_interval(published)
        after = not self.published_from or last >= date_interval(self.published_from)[0]
        before = not self.published_to or first <= date_interval(self.published_to)[1]
        return after and before


def date_interval(date: str) -> tuple[str, str]:
    """First and last day that a date of any precision can mean. Raises `BadFilter` for another form."""
    first, last = {4: ("-01-01", "-12-31"), 7: ("-01", "-31"), 10: ("", "")}.get(len(date), ("", ""))
    try:
        if not _DATE.fullmatch(date):
            raise ValueError(date)
        datetime.date.fromisoformat(date + first)
    except ValueError:
        raise BadFilter(f"{date!r} is no date. Write 2024, 2024-07 or 2024-07-31.") from None
    return date + first, date + last
