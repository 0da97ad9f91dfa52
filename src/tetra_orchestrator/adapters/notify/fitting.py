"""What a letter says, made to fit a channel: one line where there may be one, and no longer than it takes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.notify.errand import Errand

#: In characters. Slack folds and cuts what is longer, PagerDuty refuses a longer summary and 512 KB in all, a text
#: message holds 160, a mail server may refuse lines and mails of any length, a desktop shows a few lines.
SUBJECT, SLACK, SUMMARY, DETAILS, SMS, DESKTOP, MAIL = 200, 3000, 1024, 20_000, 160, 200, 200_000
CUT = "…"


def one_line(text: str, most: int) -> str:
    """The text in one line of printable characters, cut behind `most` of them."""
    return cut("".join(each if each.isprintable() else " " for each in " ".join(text.split())), most)


def cut(text: str, most: int) -> str:
    """The text, or its beginning and a mark where it is longer than `most` characters. It can be written as UTF-8."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1].rstrip() + CUT


def subject(errand: Errand, most: int = SUBJECT) -> str:
    """One line that names the project, too."""
    return one_line(f"[{errand.project}] {errand.letter.title}", most)


def short(errand: Errand, most: int) -> str:
    """All that fits into one short message: the subject, and what there is room for of the text."""
    title = subject(errand, most)
    room = most - len(title) - 2
    return title if room < 20 else f"{title}: {one_line(errand.letter.text, room)}"
