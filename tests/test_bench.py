"""The benchmark: that it compares the same page, refuses another, and tells what it has seen."""

import json
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from bench import database, footprint, picture, report, rounds
from bench.contender import FASTAPI, FLOOR, OURS, STARLETTE, Contender, base, build, bytes_above_base
from bench.generation import Generation
from bench.jobs import Case


@pytest.fixture(scope="module")
def server(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    """A MySQL server with ten messages, whose authority the images trust."""
    with database.running(tmp_path_factory.mktemp("bench"), image, base()) as running:
        yield running


@pytest.fixture(scope="module")
def images(image: str, tmp_path_factory: pytest.TempPathFactory) -> dict[Contender, str]:
    """Those contenders that are small to install."""
    folder = tmp_path_factory.mktemp("contenders")
    return {one: build(one, folder / one.folder) for one in (FLOOR, STARLETTE)} | {OURS: image}


def test_each_contender_answers_with_the_same_page(images: dict[Contender, str], server: database.Database) -> None:
    seen = rounds.run(images, server.options, starts=1, warm_starts=1, requests=100, core=0)
    for contender in images:
        assert seen[contender].cold[0] > seen[contender].init[0] > 0, contender.name
        assert len(seen[contender].warm) == 50  # of 100, in turns of 50; the first fifth warms up
        assert seen[contender].memory[0] > 5


def test_what_a_start_reads_is_counted(images: dict[Contender, str], server: database.Database) -> None:
    files = {one: footprint.read_at_start(image, server.options)[0] for one, image in images.items()}
    assert 10 < files[FLOOR] < files[STARLETTE]
    assert files[OURS] < files[STARLETTE], "its bytecode is in one file"
    assert bytes_above_base(images[FLOOR]) < bytes_above_base(images[STARLETTE])


@pytest.mark.parametrize(
    "answer", [{"errorType": "ImportError"}, {"statusCode": 500, "body": ""}, {"statusCode": 200, "body": "<style><script>"}]
)  # fmt: skip
def test_another_page_ends_the_benchmark(answer: dict[str, object]) -> None:
    with pytest.raises(SystemExit, match="answered"):
        rounds.check(OURS, answer)


@pytest.fixture
def run() -> report.Run:
    """Figures that are easy to follow."""
    starts = {}
    for contender, cold in ((FLOOR, 10.0), (STARLETTE, 100.0), (OURS, 150.0), (FASTAPI, 500.0)):
        starts[contender] = rounds.Measured([cold, cold, cold + 90], [cold / 2] * 3, [cold / 100] * 200, [cold])
    footprints = {contender: report.Footprint(1_000_000, 10, 2_000_000) for contender in starts}
    case = Case("an empty one", ("nothing", []), ("quiet", "nothing"), [0.02] * 3, [0.03] * 3)
    burst = {"date": "2026-11-29", "machine": "2 cores", "environments": 150, "requests": 4}
    burst["contenders"] = {
        contender.name: {
            "failed": 0, "lost": 0, "connections": 150, "last_answer_s": seconds, "p95_ms": 900, "p95_forecast_ms": 1000,
            "memory_mb": 36.0, "memory_all_mb": 5400,
        }
        for contender, seconds in ((OURS, 12.0), (FASTAPI, 30.0))
    }  # fmt: skip
    return report.Run(starts, burst, footprints, [case], [Generation("this template", 100, 1.0, 2.0, 30.0)], "3.13.5")


def test_ratios_are_of_medians_and_come_first(run: report.Run) -> None:
    data = json.loads(json.dumps(report.figures(run)))
    ratios = dict(report.ratios(data))
    assert ratios["cold start to the first response that reads the database: ours ÷ FastAPI's"] == pytest.approx(0.3)
    assert ratios["the same: ours ÷ Starlette's with the bare driver"] == pytest.approx(1.5)
    assert ratios["jobs a second, an empty one: ours ÷ Powertools'"] == pytest.approx(1.5)
    assert ratios["150 environments at once, time to the last answer: ours ÷ FastAPI's"] == pytest.approx(0.4)
    page = report.page(data)
    assert f"| {FASTAPI.name} | 0 | 0 | 150 | 30.0 | 900 | 0.90 | 36 MB | 5.4 GB |" in page
    assert page.index("| 1.50 |") < page.index("## Starts and requests") < page.index("| the generated app |")
    assert "Lambda Web Adapter" in page


def test_the_picture_is_an_svg_with_a_bar_for_each(run: report.Run) -> None:
    drawn = ElementTree.fromstring(picture.draw(report.figures(run)))  # noqa: S314 - our own
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[1::2] == ["bare awslambdaric, no database", STARLETTE.name, OURS.name, FASTAPI.name]
    assert texts[2::2] == ["10", "100", "150", "500"]
