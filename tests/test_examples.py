"""The examples as texts: what can be checked without running them."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").rglob("plot_*.py"))
CHAPTERS = sorted((ROOT / "doc" / "user_guide").glob("*.rst"))

# Inches. A wider figure is shrunk on a page, and its letters with it.
WIDEST = 6.5

pytestmark = pytest.mark.skipif(not EXAMPLES, reason="the examples are not installed")


def name_of(path):
    return path.relative_to(ROOT / "examples").as_posix()


def figure_sizes(source):
    """The line and the width of every figure that is given a size by numbers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            given = [word.value for word in node.keywords if word.arg == "figsize"]
            if isinstance(node.func, ast.Attribute) and node.func.attr == "set_size_inches":
                given.append(ast.Tuple(node.args))
            for size in given:
                yield node.lineno, ast.literal_eval(ast.unparse(size))[0]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_figures_are_as_narrow_as_a_page(example):
    too_wide = [size for size in figure_sizes(example.read_text("utf-8")) if size[1] > WIDEST]
    assert not too_wide, "lines and widths"


def test_a_wide_figure_is_found():
    source = "plt.subplots(1, 2, figsize=(9, 3))\nfigure.set_size_inches(7, 2)\nplt.figure()"
    assert list(figure_sizes(source)) == [(1, 9), (2, 7)]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_begins_with_a_title_and_what_it_is_about(example):
    lines = ast.get_docstring(ast.parse(example.read_text("utf-8"))).splitlines()
    over, title, under, blank, text = lines[:5]
    assert over == under
    assert re.fullmatch("=+", over)
    assert len(title) <= len(over)
    assert not blank
    assert text


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_is_shown_at_the_foot_of_a_chapter(example):
    shown = [
        pattern
        for chapter in CHAPTERS
        for pattern in re.findall(r"^   \.\./examples/(.+)$", chapter.read_text("utf-8"), re.M)
    ]
    assert any(Path(name_of(example)).match(pattern) for pattern in shown)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_what_a_chapter_shows_is_there(chapter):
    text = chapter.read_text("utf-8")
    for pattern in re.findall(r"^   \.\./examples/(.+)$", text, re.M):
        assert list((ROOT / "examples").glob(pattern)), pattern
