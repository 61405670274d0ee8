"""A job that no worker finds is refused where it is declared or enqueued, and named by the manifest's check."""

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage import use

from kit import references
from kit.cli.main import main
from kit.errors import UsageError
from kit.jobs import JobError, discovery, loading, manifest, registry
from kit.testing import run_jobs

JOB = "from kit.jobs import job\n@job\ndef {name}() -> None: ...\n"


@pytest.fixture
def shop(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Write the modules of an app called shop, whose jobs are in shop.jobs, and import one."""
    package = tmp_path / "source" / "shop"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setattr(references, "JOBS", "shop.jobs")
    before = dict(registry.jobs), dict(registry.schedules)
    for name in [name for name in registry.jobs if not name.startswith("kit.")]:
        del registry.jobs[name]  # other tests' jobs
    discovery.worker_jobs.cache_clear()

    def make(module: str = "shop.jobs", **files: str) -> Any:
        for name, code in files.items():
            path = package.joinpath(f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(code)
        importlib.invalidate_caches()
        return importlib.import_module(module)

    yield make
    for known, names in zip((registry.jobs, registry.schedules), before, strict=True):
        known.clear()  # type: ignore[attr-defined]
        known.update(names)  # type: ignore[attr-defined]
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        del sys.modules[name]
    discovery.worker_jobs.cache_clear()


FORGOTTEN = r"No worker finds the job shop.mail.welcome, because shop.jobs does not import shop.mail. Add `import shop.mail` to shop.jobs"


def test_a_job_in_a_module_that_the_jobs_do_not_import_is_rejected(shop: Callable[..., Any]) -> None:
    mail = shop("shop.mail", mail=JOB.format(name="welcome"), jobs=JOB.format(name="tidy"))
    for mode in ("local", "inline"):
        with pytest.MonkeyPatch.context() as patch:
            use(patch, JOBS=mode)
            for enqueue in (mail.welcome.enqueue, lambda: mail.welcome.enqueue_many([()])):
                with pytest.raises(JobError, match=FORGOTTEN):
                    enqueue()
    use(pytest.MonkeyPatch(), JOBS="local")
    assert run_jobs() == 0


@pytest.mark.parametrize(
    "jobs",
    [
        "import shop.mail\n",
        "from shop import mail\n",
        "from shop.mail import welcome\n",
        "import importlib\nimportlib.import_module('shop.mail')\n",
        "try:\n    from . import mail\nexcept ImportError:\n    raise\n",
    ],
)
def test_a_job_that_the_jobs_import_in_any_way_is_found(shop: Callable[..., Any], jobs: str) -> None:
    mail = shop("shop.mail", mail=JOB.format(name="welcome"), jobs=jobs)
    mail.welcome.enqueue()
    assert run_jobs() == 1
    assert discovery.unfindable(loading.load()) == []


def test_jobs_may_be_a_package(shop: Callable[..., Any]) -> None:
    mail = shop("shop.jobs.mail", **{"jobs/__init__": "from . import mail\n", "jobs/mail": JOB.format(name="welcome")})
    mail.welcome.enqueue()
    assert run_jobs() == 1


def test_jobs_of_the_jobs_module_cost_no_second_process(
    shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = shop(jobs=JOB.format(name="tidy"))
    monkeypatch.setattr(discovery.subprocess, "run", None)
    jobs.tidy.enqueue()
    assert run_jobs() == 1


def test_a_jobs_module_that_cannot_be_imported_alone_is_reported_with_the_error(shop: Callable[..., Any]) -> None:
    mail = shop("shop.mail", mail=JOB.format(name="welcome"), jobs="raise RuntimeError('no settings')\n")
    with pytest.raises(JobError, match=r"shop.jobs cannot be imported on its own: RuntimeError: no settings"):
        mail.welcome.enqueue()


@pytest.mark.parametrize(
    "code",
    [
        JOB,
        "import kit.jobs\n@kit.jobs.job\ndef {name}() -> None: ...\n",
        "from kit import jobs as j\n@j.job(attempts=3)\nasync def {name}() -> None: ...\n",
        "from kit.jobs import schedule, job as work\n@schedule('rate(1 day)')\n@work\ndef {name}() -> None: ...\n",
    ],
)
def test_the_manifests_check_finds_a_forgotten_module_without_running_it(
    shop: Callable[..., Any], code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop(jobs=JOB.format(name="tidy"), mail=code.format(name="welcome"), script="import kit\nraise SystemExit('ran')\n")
    for words in ((), ("--check",)):
        monkeypatch.setattr(sys, "argv", ["kit", "jobs", "manifest", *words])
        assert main() == 2
        assert FORGOTTEN.replace("\\", "") in capsys.readouterr().err


def test_a_manifest_that_was_written_while_the_job_was_found_does_not_hide_it(
    shop: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(jobs="import shop.mail\n" + JOB.format(name="tidy"), mail=JOB.format(name="welcome"))
    monkeypatch.setattr(manifest.settings, "PROJECT", tmp_path)
    manifest.path().write_text(manifest.text())
    assert [job["name"] for job in json.loads(manifest.text())["jobs"]][-2:] == ["shop.jobs.tidy", "shop.mail.welcome"]
    discovery.worker_jobs.cache_clear()
    shop(jobs=JOB.format(name="tidy"))  # this process has imported shop.mail all the same
    with pytest.raises(Exception, match=FORGOTTEN):
        manifest.is_current()


def test_jobs_in_the_apps_jobs_module_are_known_without_starting_a_worker(
    shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(jobs=JOB.format(name="tidy"))
    with monkeypatch.context() as patch:
        patch.setattr(discovery, "worker_jobs", lambda module: pytest.fail(f"a process imported {module}"))
        assert discovery.unfindable(registry.jobs) == []


@pytest.mark.parametrize("queues", [("orders", "orders.fifo"), ("mail-2", "mail2"), ("mail-2", "mail2.fifo")])
def test_two_queues_whose_names_would_collide_are_refused(shop: Callable[..., Any], queues: tuple[str, str]) -> None:
    code = JOB.replace("@job", "@job(queue={queue!r})")
    names = dict(zip(("tidy", "welcome"), queues, strict=True))
    shop(jobs="".join(code.format(name=name, queue=queue) for name, queue in names.items()))
    with pytest.raises(UsageError, match=re.escape(f"{queues[0]} and {queues[1]} would be the same")):
        manifest.build()


def test_two_schedules_whose_names_would_collide_are_refused(shop: Callable[..., Any]) -> None:
    """SAM's template would have the later alone."""
    code = JOB.replace("@job", "@schedule('rate(1 day)', name={schedule!r})\n@job")
    names = {"tidy": "every.night", "welcome": "every-night"}
    text = "".join(code.format(name=name, schedule=schedule) for name, schedule in names.items())
    shop(jobs=f"from kit.jobs import schedule\n{text}")
    with pytest.raises(UsageError, match=r"every-night and every\.night would be the same"):
        manifest.build()


def test_a_message_group_that_sqs_would_refuse_is_refused(shop: Callable[..., Any]) -> None:
    code = JOB.replace("@job", "@on.event(source='app')\n@job(queue='orders.fifo')").replace("()", "(event)")
    shop(jobs=f"from kit.jobs import on\n{code.format(name='tidy' + 125 * '_')}")
    with pytest.raises(UsageError, match="at most 128 ASCII characters"):
        manifest.build()
