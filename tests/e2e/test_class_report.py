"""The report of a class in a real browser: hostile names and outputs do nothing, it needs no network, it can
be read on paper, in the dark and without seeing."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import config
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from tests.chromium import PROGRAM, Page, awaited, chromium
from tests.e2e.conftest import Run

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium here")

CACHE, MEMORY = "elasticache/01-create-insert-query", "memorydb/01-create-insert-query"
HOSTILE = [
    "<script>document.title='taken'; top.taken=1<∕script>",
    "<img src=x onerror=\"top.taken=2; alert('taken')\">",
    "'\"><svg onload=top.taken=3>",
    "{{ 7*7 }}{% raw %}",
    "javascript:top.taken=4",
    "</style><style>body{display:none}".replace("/", "∕"),
    "https:∕∕example.org∕x.png",
]
PRINTED = (
    "</pre></details><script>top.taken=5</script><img src='https://example.org/y.png'>"
    "<iframe src='file:///etc/passwd'></iframe><meta http-equiv=refresh content='0;url=https://example.org'>"
    "<link rel=stylesheet href=https://example.org/z.css></style></title><base href=https://example.org/>"
)


@pytest.fixture(scope="module")
def results(run: Run, engine_up: Callable[[str], tuple[Engine, Endpoint]], sandbox: Any) -> Iterator[Path]:
    """The folder of results of a small class with everything in it."""
    engine_up("redis")
    room = Path(tempfile.mkdtemp(prefix="sandbox-test-report-"))
    folder = room / "class"
    for student in HOSTILE:
        answer = folder / student / CACHE / "answer.py"
        answer.parent.mkdir(parents=True)
        answer.write_text(f"print({PRINTED!r})\nraise SystemExit({PRINTED!r})\n")
        (folder / student / "<b onclick=alert(1)>notes.txt").write_text("x")
    for exercise in (CACHE, MEMORY):
        answer = folder / "ada" / exercise / "answer.redis"
        answer.parent.mkdir(parents=True)
        shutil.copy(config.resources("exercises") / exercise / "solution.redis", answer)
    (folder / "nobody").mkdir()
    folder.chmod(0o700)
    said = run(
        "exercise", "grade", CACHE, MEMORY, "--submissions", str(folder), "--results", str(room / "results"),
        "--name", sandbox.name, "--jobs", "1",
    )  # fmt: skip
    assert said.code == 0, said.err
    yield room / "results"
    shutil.rmtree(room)


@pytest.fixture(scope="module")
def page(results: Path) -> Iterator[Page]:
    with chromium() as opened:
        opened.open(results / "report.html")
        yield opened


def test_nothing_of_what_students_wrote_runs(page: Page, results: Path) -> None:
    assert page.value("typeof window.taken") == "undefined"
    assert page.value("document.title") == f"Results of {len(HOSTILE) + 2} students"
    assert page.told("Page.javascriptDialogOpening") == []
    assert (
        page.value("document.querySelectorAll('script, img, iframe, base, link, object, form').length") == 0
    )
    handlers = (
        "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes])"
        ".filter(a => /^on/i.test(a.name)).length"
    )
    assert page.value(handlers) == 0


def test_what_students_wrote_is_shown_as_they_wrote_it(page: Page) -> None:
    shown = page.value("[...document.querySelectorAll('article h3 bdi')].map(e => e.textContent)")
    assert sorted(shown) == sorted([*HOSTILE, "ada", "nobody"])
    assert PRINTED in page.value("document.querySelector('pre').textContent")


def test_it_asks_for_nothing_but_itself_and_nothing_is_logged(page: Page, results: Path) -> None:
    asked = {event["request"]["url"] for event in page.told("Network.requestWillBeSent")}
    assert asked <= {(results / "report.html").absolute().as_uri()}
    logged = page.told("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    assert logged == []


def test_a_script_could_not_run_even_if_it_got_in(results: Path) -> None:
    text = (results / "report.html").read_text(encoding="utf-8")
    slipped = results / "slipped.html"
    slipped.write_text(
        text.replace("<main", "<script>top.taken = 9</script><img src=x onerror='top.taken=9'><main")
    )
    with chromium() as opened:
        opened.open(slipped)
        assert opened.value("typeof window.taken") == "undefined"
        assert awaited(lambda: opened.told("Log.entryAdded"), "what was refused is logged")
    slipped.unlink()


def test_every_student_and_every_cell_is_there(page: Page, results: Path) -> None:
    document = json.loads((results / "results.json").read_text(encoding="utf-8"))
    rows = page.value("document.querySelectorAll('.grid tbody tr').length")
    assert rows == len(document["students"])
    assert page.value("document.querySelectorAll('td.none').length") == len(HOSTILE) + 2
    assert page.value("document.querySelectorAll('td.full').length") == 2
    broken = (
        "[...document.querySelectorAll('a[href^=\"#\"]')]"
        ".filter(a => !document.getElementById(a.hash.slice(1))).length"
    )
    assert page.value(broken) == 0


def test_it_fits_on_a_telephone(page: Page) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    # It is laid out anew some time after the answer.
    awaited(lambda: page.value("window.innerWidth") == 390, "it has the width of a telephone")
    assert page.value("document.documentElement.scrollWidth") <= 390
    page.call("Emulation.clearDeviceMetricsOverride")


def test_it_can_be_read_by_those_who_do_not_see_it(page: Page) -> None:
    assert page.value("document.documentElement.lang") == "en"
    assert page.value("document.querySelectorAll('h1').length") == 1
    levels = page.value("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    unnamed = (
        "[...document.querySelectorAll('svg')].filter(s => !s.getAttribute('aria-label')"
        " && !document.getElementById((s.getAttribute('aria-labelledby') || '').split(' ')[0])).length"
    )
    assert page.value(unnamed) == 0
    assert page.value("[...document.querySelectorAll('th')].filter(h => !h.scope).length") == 0
    ids = page.value("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


CONTRAST = """(() => {
  const light = c => { const v = c / 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const sum = ([r, g, b]) => .2126 * light(r) + .7152 * light(g) + .0722 * light(b);
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  let least = 99;
  const texts = 'h1,h2,h3,p,td,th,li,dt,dd,a,small,code,caption,.mark,pre,summary';
  for (const e of document.querySelectorAll(texts)) {
    if (!e.textContent.trim()) continue;
    let at = e, back = [255, 255, 255, 0];
    while (at && !(back = parts(getComputedStyle(at).backgroundColor))[3] && back.length === 4)
      at = at.parentElement;
    const [one, two] = [sum(parts(getComputedStyle(e).color)), sum(back)].sort((a, b) => b - a);
    least = Math.min(least, (one + .05) / (two + .05));
  }
  return least;
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_colours_can_be_told_apart_by_day_and_by_night(page: Page, scheme: str) -> None:
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    background = page.value("getComputedStyle(document.body).backgroundColor")
    dark = sum(int(n) for n in re.findall(r"\d+", background)[:3]) < 200
    assert dark == (scheme == "dark")
    assert page.value(CONTRAST) >= 4.5
    page.call("Emulation.setEmulatedMedia", features=[])


def test_it_prints_on_pages_in_light_colours_with_all_that_is_folded_away(page: Page) -> None:
    pdf = page.pdf()
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pdf.startswith(b"%PDF-")
    assert pages >= 2
    page.call(
        "Emulation.setEmulatedMedia",
        media="print",
        features=[{"name": "prefers-color-scheme", "value": "dark"}],
    )
    assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.value("document.querySelector('details pre').getBoundingClientRect().height") > 10
    assert page.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    page.call("Emulation.setEmulatedMedia", media="", features=[])


def test_one_attempt_has_a_report_too(run: Run, results: Path, sandbox: Any) -> None:
    folder = results.parent
    solution = config.resources("exercises") / CACHE / "solution.redis"
    names = [str(folder / f"one.{ending}") for ending in ("html", "json", "xml", "csv")]
    flags = [part for name in names for part in ("--report", name)]
    said = run("exercise", "grade", CACHE, "--answer", str(solution), "--name", sandbox.name, *flags)
    assert said.code == 0, said.err
    assert f"Reports: {' '.join(names)}" in said.out
    with chromium() as opened:
        opened.open(folder / "one.html")
        assert CACHE in opened.value("document.title")
        assert opened.value("document.querySelectorAll('.checks li.passed').length") >= 3
