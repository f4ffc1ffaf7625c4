import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from toymodels.claims import AtLeast, control, judge
from toymodels.disk import StoreError
from toymodels.report import Section, render, write_report
from toymodels.report_style import STYLE

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Tags with their attributes, the text, and whether every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


def image(path, kind):
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), "white").save(buffer, kind)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.fixture
def sections(tmp_path):
    test = AtLeast(0.5)
    claims = [
        judge(
            id=f"TMS-1.{name}",
            experiment="TMS-1",
            statement=f"Five features <i>fold</i> & {name}.",
            source="Elhage et al. 2022, introduction",
            statistic="share of pentagons",
            expected=0.875,
            samples=samples,
            test=test,
            controls=[control("initial weights", [0.111, 0.122, 0.133], test)],
            scale="laptop",
        )
        for name, samples in {
            "pass": [0.616, 0.65, 0.717, 0.75, 0.818],
            "fail": [0.1, 0.15, 0.2, 0.25, 0.3],
            "open": [0.1, 0.6, np.nan],
        }.items()
    ]
    first = Section(
        id="TMS-1",
        title="A <script>alert(1)</script> pentagon",
        docstring="First `W` & x.\n\nA list:\n\n- one *item*\n- two\n\n<b>bold</b>",
        figures=(
            image(tmp_path / "TMS-1_five_polygons.png", "PNG"),
            image(tmp_path / "TMS-1_training.gif", "GIF"),
        ),
        claims=tuple(claims),
        settings={
            "type": "Fake",
            "seed": 7,
            "rate": 0.001,
            "p": {"array": [0.5, 1.0], "dtype": "float32"},
            "steps": [1, 2],
            "model": {"type": "Autoencoder", "n": 5},
            "extra": {"dict": {"a": 1}},
        },
        fingerprint="f00d" * 16,
    )
    return [first, Section(id="TMS-2", title="Empty", docstring="")]


@pytest.fixture
def page(sections):
    return Page(render(sections))


def test_the_page_asks_nothing_of_any_network(sections):
    text = render(sections)
    page = Page(text)
    for attributes in (a for _, a in page.tags):
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    assert not page.all("script", "link", "iframe", "object", "base", "form")
    assert not re.search(r"url\(|@import|https?:", text)
    policy = next(a for a in page.all("meta") if "http-equiv" in a)
    assert policy["content"].startswith("default-src 'none'")


def test_everything_that_was_measured_is_on_the_page(page):
    words = " ".join(page.text.split())
    for text in (
        "Five features <i>fold</i> & pass.",
        "Elhage et al. 2022, introduction",
        "0.875",
        "0.717 [0.616, 0.818]",
        "0.2 [0.1, 0.3]",
        "0.122 [0.111, 0.133]",
        "≥ 0.5",
        "not ≥ 0.5",
        "1 of 3 seeds gave no finite value",
        "3 (laptop scale)",
        "f00d" * 16,
        "seed",
        "(0.5, 1)",
        "Autoencoder(n=5)",
        "Five polygons (TMS-1_five_polygons.png)",
        "<b>bold</b>",
    ):
        assert text in words, text
    for verdict in ("✓ supported", "✗ not supported", "? inconclusive"):
        # In the tally, the overview, and at the claim.
        assert words.count(verdict) == 3


def test_texts_are_text_and_tags_are_closed(page):
    assert page.open == []
    assert not page.all("i", "b")
    assert "<script>alert(1)</script>" in page.text


def test_docstrings_keep_paragraphs_lists_and_code(page):
    assert "First W & x." in page.text
    assert "one item" in page.text
    start = next(i for i, (tag, _) in enumerate(page.tags) if tag == "figcaption")
    tags = [tag for tag, _ in page.tags[start:]]
    at = tags.index("p")
    assert tags[at : at + 7] == ["p", "code", "p", "ul", "li", "em", "li"]


def test_figures_are_inside_the_page(page, sections):
    images = page.all("img")
    assert len(images) == 2
    for shown, path in zip(images, sections[0].figures, strict=True):
        assert base64.b64decode(shown["src"].partition(",")[2]) == path.read_bytes()
        assert shown["alt"].strip()


def test_an_animation_waits_until_it_is_asked_for(page):
    tags = [tag for tag, _ in page.tags]
    gif = next(
        i for i, (_, a) in enumerate(page.tags) if "image/gif" in a.get("src", "")
    )
    assert tags[gif - 2 : gif] == ["details", "summary"]
    assert "open" not in page.tags[gif - 2][1]


def test_the_page_can_be_read_aloud(page):
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("title")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))
    assert all("scope" in attributes for attributes in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    for region in page.all("nav", "section"):
        assert "aria-label" in region or "aria-labelledby" in region


def test_every_anchor_leads_somewhere(page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    anchors = {a["href"][1:] for a in page.all("a")}
    labels = {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a}
    assert anchors | labels <= set(ids)
    assert {"TMS-1", "TMS-2", "claim-TMS-1.pass"} <= anchors


def luminance(colour):
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(scheme):
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", blocks[scheme == "dark"]))
    assert len(blocks) == 2
    for ground in ("page", "panel"):
        for ink in ("ink", "faint", "link", "yes", "no", "open"):
            pair = sorted(luminance(colours[name]) for name in (ground, ink))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (ground, ink)


def test_equal_sections_make_equal_pages(sections, tmp_path):
    first = write_report(tmp_path / "index.html", sections).read_bytes()
    assert write_report(tmp_path / "again.html", sections).read_bytes() == first
    assert render([]).count("<h2") == 1


def test_a_figure_that_is_gone_is_one_line(sections, tmp_path):
    sections[0].figures[0].unlink()
    with pytest.raises(StoreError, match=r"five_polygons\.png: no such file"):
        write_report(tmp_path / "index.html", sections)
    assert not (tmp_path / "index.html").exists()
