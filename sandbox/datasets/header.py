"""Is the first line of a file a header, and which column is where?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.datasets.schema import Table


@dataclass(frozen=True)
class Header:
    """``places[i]`` is the index in the file's lines of the schema's column i."""

    present: bool
    places: tuple[int, ...]
    mistakes: tuple[str, ...] = ()

    def hint(self, record: Sequence[str]) -> str:
        """What may be the matter with a line that has too few fields."""
        for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if len(record) == 1 and separator in record[0]:
                return f" (the fields are separated by {name}; commas are expected)"
        return ""


def find_header(table: Table, record: Sequence[str]) -> Header:
    """The header in a file's first line, or the schema's own order when that line is data.

    Names count without surrounding blanks and in any case. A line is a header when two of its fields are
    names of columns, or one is the name of a key: no row of data looks like that.
    """
    names = [text.strip().lower() for text in record]
    known = set(table.column_names)
    if len(known.intersection(names)) < 2 and not set(table.key).intersection(names):
        return Header(present=False, places=tuple(range(len(table.columns))))
    mistakes = [
        f"column {name!r} is there {count} times" for name, count in Counter(names).items() if count > 1
    ]
    missing = [name for name in table.column_names if name not in names]
    mistakes += [_unknown(name, missing) for name in dict.fromkeys(names) if name not in known]
    mistakes += [f"column {name!r} is missing" for name in missing]
    if mistakes:
        return Header(present=True, places=(), mistakes=tuple(mistakes))
    return Header(present=True, places=tuple(names.index(name) for name in table.column_names))


def _unknown(name: str, missing: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, missing, n=1)
    return f"column {name!r} is unknown" + (f" (did you mean {near[0]!r}?)" if near else "")
