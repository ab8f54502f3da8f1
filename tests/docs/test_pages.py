"""Every page can be reached, and what it points to is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ADR = ROOT / "docs" / "adr"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ENTRY = re.compile(r"^\| \[(\d{4})\]\((.+?)\) \| (.+?) \| (.+?) \|$", re.MULTILINE)  # of the list of decisions
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def links(page: Path) -> Iterator[str]:
    """Give the targets that lie in this repository."""
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if ":" not in target:
            yield target


def anchors(page: Path) -> set[str]:
    """Give the headings as links name them: lower case, hyphens, no other punctuation."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dangling(page: Path) -> list[str]:
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert dangling(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[a](page.md) [b](#a-page) [c](gone.md) [d](page.md#gone) `[e](code.md)`\n[f](https://x)\n"
    )
    assert dangling(page) == ["gone.md", "page.md#gone"]


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
            ahead += [target for target in targets if target.suffix == ".md"]
    assert set(PAGES) <= reached


def test_every_decision_is_listed_under_its_title_and_status() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]\((.+?)\) \| (.+?) \| (.+?) \|$", (ADR / "README.md").read_text(), re.MULTILINE
    )
    pages = sorted(page for page in ADR.glob("*.md") if page.name[0].isdigit())
    assert pages
    assert [(number, name) for number, name, _, _ in listed] == [(page.name[:4], page.name) for page in pages]
    for page, (number, _, title, status) in zip(pages, listed, strict=True):
        text = page.read_text()
        assert text.startswith(f"# {number}. ")
        assert plain(text.splitlines()[0]).startswith(plain(f"# {number}. {title}")), f"{page.name}: another title"
        assert f"\nStatus: {status}\n" in text


def plain(title: str) -> str:
    return title.replace("`", "").rstrip(".")
