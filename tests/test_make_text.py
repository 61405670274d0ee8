"""Variables on make's command line reach programs unchanged, whatever make or a shell would expand in them.

The programs that recipes call are replaced by one that records its arguments. macOS has GNU make 3.81; to run these
tests with another make, put it first on the PATH.
"""

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from programs import path_without
from recorders import make, with_recorders
from rendering import ROOT, TEMPLATE, rendered

TOOLS = ("cdk", "sam", "terraform")
TYPED = (
    "add `touch pwned` $(touch pwned) $(shell touch pwned) ${HOME} $HOME $$ $5 \"status\": 'x' 100 % # \\ \\n * ~ "
    "; touch pwned | & < > -x é\nand a second line"
)


class Recipe(NamedTuple):
    """A target, a variable, and the argument that it becomes."""

    target: str
    variable: str
    argument: str = "{}"
    others: tuple[str, ...] = ()
    iac: str = "sam"


RECIPES = [
    Recipe("dev", "PORT"),
    Recipe("dev", "HOST", "--host={}"),
    Recipe("dev", "DB", "--db={}"),
    Recipe("test", "DB"),
    Recipe("check", "DB"),
    Recipe("migration", "m"),
    Recipe("image", "IMAGE"),
    Recipe("image", "BASE_IMAGE", "base=docker-image://{}"),
    Recipe("image", "UV_IMAGE", "uv=docker-image://{}"),
    Recipe("cold", "IMAGE", others=("DOCKER=1",)),
    Recipe("update", "VCS_REF", "--vcs-ref={}"),
    Recipe("update", "REPORT", "--report={}"),
    Recipe("migrate", "INTO", "--into={}"),
    Recipe("deploy", "STAGE"),
    Recipe("deploy", "DROP_QUEUE", "--drop-queue={}"),
    Recipe("deploy", "IMAGE_FILE", "--image-file={}"),
    Recipe("image", "IMAGE_FILE"),
    Recipe("deploy", "TIP", "--tip={}"),
    Recipe("rollback", "STAGE"),
    Recipe("rollback", "TO", "--to={}"),
    Recipe("destroy", "STAGE"),
    Recipe("destroy", "CONFIRM", "--confirm={}"),
    Recipe("secret", "STAGE"),
    Recipe("secret", "KIND"),
    Recipe("secret", "NAME", "--name={}"),
    Recipe("secret", "FILE", "--file={}"),
    Recipe("secrets", "STAGE"),
    Recipe("preview", "PR"),
    Recipe("preview-end", "PR"),
    Recipe("status", "STAGE"),
    Recipe("brake", "STAGE"),
    Recipe("quota", "ENVIRONMENTS", "--environments={}"),
    Recipe("logs", "STAGE"),
    Recipe("logs", "WHAT", "--what={}"),
    Recipe("logs", "SINCE", "--since={}"),
    Recipe("logs", "GREP", "--grep={}"),
    Recipe("policy", "FOR"),
    Recipe("policy", "STAGE"),
    Recipe("cost", "STAGE"),
    Recipe("spike", "STAGE"),
    Recipe("spike", "VISITORS", "--visitors={}"),
    Recipe("spike", "MINUTES", "--minutes={}"),
    Recipe("spike", "REQUESTS", "--requests={}"),
    Recipe("spike", "ENVIRONMENTS", "--environments={}"),
    Recipe("spike", "SVG", "--svg={}"),
    Recipe("spike", "JSON", "--json={}"),
    *(Recipe("infra-settings", "STAGE", "stage={}" if iac == "terraform" else "{}", iac=iac) for iac in TOOLS),
    Recipe("infra-image", "STAGE", "Stage={}", iac="sam"),
    Recipe("infra-image", "STAGE", "stage={}", iac="cdk"),
    Recipe("infra-image", "STAGE", "stage={}", iac="terraform"),
    Recipe("infra-image", "STAGE", "{}", iac="terraform"),  # the workspace
    Recipe("infra-image", "AWS_REGION", "{}", iac="sam"),
    Recipe("infra-image", "AWS_REGION", "region={}", iac="cdk"),
    Recipe("infra-image", "AWS_REGION", "aws_region={}", iac="terraform"),
    Recipe("infra-apply", "IMAGE", "Image={}", iac="sam"),
    Recipe("infra-apply", "IMAGE", "image={}", iac="cdk"),
    Recipe("infra-apply", "IMAGE", "image={}", iac="terraform"),
    Recipe("infra-apply", "JOBS_CONCURRENCY", "JobsConcurrency={}", iac="sam"),
    Recipe("infra-apply", "JOBS_CONCURRENCY", "jobs_concurrency={}", iac="cdk"),
    Recipe("infra-apply", "JOBS_CONCURRENCY", "jobs_concurrency={}", iac="terraform"),
    Recipe("infra-apply", "THROTTLE", "ThrottleRate={}", iac="sam"),
    Recipe("infra-apply", "THROTTLE", "throttle_rate={}", iac="cdk"),
    Recipe("infra-apply", "THROTTLE", "throttle_rate={}", iac="terraform"),
    Recipe("infra-apply", "KEPT_QUEUES", "kept_queues={}", iac="cdk"),
    Recipe("infra-apply", "KEPT_QUEUES", "kept_queues={}", iac="terraform"),
    Recipe("infra-apply", "VPC_ID", "VpcId={}", iac="sam"),
    Recipe("infra-apply", "VPC_ID", "vpc_id={}", iac="cdk"),
    Recipe("infra-apply", "VPC_ID", "vpc_id={}", iac="terraform"),
    Recipe("infra-apply", "SUBNET_IDS", "SubnetIds={}", iac="sam"),
    Recipe("infra-apply", "SUBNET_IDS", "subnet_ids={}", iac="cdk"),
    Recipe("infra-apply", "BOUNDARY", "PermissionsBoundary={}", iac="sam"),
    Recipe("infra-apply", "BOUNDARY", "permissions_boundary={}", iac="cdk"),
    Recipe("infra-apply", "BOUNDARY", "permissions_boundary={}", iac="terraform"),
    Recipe("infra-apply", "WEB_ACL", "WebAcl={}", iac="sam"),
    Recipe("infra-apply", "WEB_ACL", "web_acl={}", iac="cdk"),
    Recipe("infra-apply", "WEB_ACL", "web_acl={}", iac="terraform"),
    Recipe("infra-destroy", "STAGE", "my-app-{}", iac="sam"),
    Recipe("infra-destroy", "STAGE", "my-app-{}", iac="cdk"),
    Recipe("infra-destroy", "STAGE", "stage={}", iac="terraform"),
]
FLAGS = {
    *("CLOSE", "DELETE", "DIRECT", "DOCKER", "DRY", "FOLLOW", "LOCAL", "OLDER", "OPEN", "PLANETSCALE", "ROTATE"),
    *("SKIP_REVERT", "YES"),
}
"""Variables of which it only matters whether they are set."""
COMMAND_LINE_ONLY = {"HOST", "NAME"}
"""Variables that some systems have in the environment, such as WSL and conda."""
WORDS = {"ARGS": ("cost", "{}"), "DATA": ("update", "--data={}")}
"""Variables that hold several words."""


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An app for each tool; its `uvw` and the programs in `bin` beside it record their arguments."""
    return {
        iac: with_recorders(shutil.copytree(rendered(iac), tmp_path_factory.mktemp(iac) / "my-app", symlinks=True))
        for iac in TOOLS
    }


def nothing_ran(folder: Path) -> bool:
    return not any(path.name == "pwned" for path in folder.parent.rglob("pwned"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.target} {recipe.variable} {recipe.iac}")
@pytest.mark.parametrize("typed", ["on the command line", "in the environment"])
def test_a_text_arrives_as_it_was_typed(apps: dict[str, Path], recipe: Recipe, typed: str) -> None:
    app = apps[recipe.iac]
    if typed == "in the environment":
        calls = make(app, recipe.target, *recipe.others, **{recipe.variable: TYPED})
    else:
        calls = make(app, recipe.target, *recipe.others, f"{recipe.variable}={TYPED}")
    arrived = recipe.argument.format(TYPED) in [argument for arguments, _ in calls for argument in arguments]
    assert arrived is not (typed == "in the environment" and recipe.variable in COMMAND_LINE_ONLY)
    assert nothing_ran(app)


@pytest.mark.parametrize("variable", WORDS)
def test_several_words_are_split_at_spaces_and_read_no_further(apps: dict[str, Path], variable: str) -> None:
    target, argument = WORDS[variable]
    [(arguments, _)] = make(apps["sam"], target, f"{variable}={TYPED}")
    assert [word for word in arguments if word in map(argument.format, TYPED.split())] == [
        argument.format(word) for word in TYPED.split()
    ]
    assert nothing_ran(apps["sam"])


def test_the_region_reaches_every_program(apps: dict[str, Path]) -> None:
    assert make(apps["sam"], "status", AWS_REGION=TYPED)[0][1] == TYPED
    assert make(apps["sam"], "status")[0][1] == "us-east-1"


def test_the_image_is_called_as_the_project_is(apps: dict[str, Path]) -> None:
    calls = [arguments for arguments, _ in make(apps["sam"], "image")]
    assert ["--tag", "my-app"] in [arguments[at : at + 2] for arguments in calls for at in range(len(arguments))]


def test_another_terraform_is_called_by_its_name(apps: dict[str, Path]) -> None:
    program = apps["terraform"].parent / "bin" / "open tofu"
    program.write_bytes(program.with_name("terraform").read_bytes())
    program.chmod(0o755)
    assert {arguments[0] for arguments, _ in make(apps["terraform"], "infra-settings", "TERRAFORM=open tofu")} == {
        "open tofu"
    }


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_a_flag_is_no_command(apps: dict[str, Path], flag: str) -> None:
    for target in ("migrate", "deploy", "logs", "cold"):
        make(apps["sam"], target, f"{flag}={TYPED}")
    assert nothing_ran(apps["sam"])


@pytest.mark.parametrize(
    "makefile", ["Makefile", "template/Makefile", *(f"template/infra/{iac}/infra.mk" for iac in TOOLS)]
)
def test_no_recipe_puts_a_text_into_the_shells_words(makefile: str) -> None:
    text = ROOT.joinpath(makefile).read_text(encoding="utf-8")
    outside = re.sub(r"^#.*", "", text, flags=re.MULTILINE)
    outside = re.sub(r"\$\((if|wildcard|filter|origin) [^()]*\$\(\w+\)", "", outside)  # only whether it is set
    assert set(re.findall(r"\$[({](\w+)[)}]", outside)) & texts() == set()


def test_every_text_is_tried(apps: dict[str, Path]) -> None:
    tried = {recipe.variable for recipe in RECIPES} | FLAGS | WORDS.keys() | {"TERRAFORM", "AWS_REGION"}
    assert texts() - {"DEMO", "DEST", "VERSION"} == tried
    shown = subprocess.run(["make"], cwd=apps["sam"], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"\b([A-Z_]{2,}|m)=", shown)) <= tried


def texts() -> set[str]:
    """The variables in every TEXT."""
    files = [ROOT / "Makefile", TEMPLATE / "Makefile", *TEMPLATE.glob("infra/*/infra.mk")]
    found = (
        re.findall(r"^TEXT [:+]= ((?:.*\\\n)*.*)", file.read_text(encoding="utf-8"), re.MULTILINE) for file in files
    )
    return {name for each in found for words in each for name in words.replace("\\\n", " ").split()}


@pytest.mark.parametrize("variable", ["DEMO", "PORT"])
def test_the_templates_own_demo_takes_a_text_as_it_is(tmp_path: Path, variable: str) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    done = subprocess.run(
        ["make", "demo", "UV=false", f"{variable}={TYPED}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]
    assert variable == "DEMO" or "invalid literal for int()" in done.stdout


@pytest.mark.parametrize(
    ("port", "problem"),
    [("8000x", r"invalid literal for int\(\)"), ("70000", "port must be 0-65535"), ("TAKEN", "Address already in use")],
)
def test_the_demo_says_what_is_wrong_with_a_port(tmp_path: Path, port: str, problem: str) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = port.replace("TAKEN", str(server.getsockname()[1]))
        done = subprocess.run(
            ["make", "demo", "UV=false", f"PORT={port}"], cwd=tmp_path, capture_output=True, text=True
        )
    assert re.match(rf"Port {port}: .*{problem}.*\. Choose another: make demo PORT=8001\n", done.stdout)
    assert "Traceback" not in done.stderr


def test_without_python_the_demo_does_not_blame_the_port(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    path = path_without(tmp_path / "bin", "python3")
    environ = os.environ | {"PATH": path}
    done = subprocess.run(["make", "demo", "UV=false"], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert re.search(r"python3: .*(not found|No such file)", done.stderr)
    assert "Port" not in done.stdout


def test_a_version_reaches_the_release_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    folder = tmp_path / "template"
    folder.mkdir()
    with_recorders(folder)
    subprocess.run(["make", "release", f"UV={folder / 'uvw'}", f"VERSION={TYPED}"], cwd=tmp_path, check=True)
    assert json.loads((tmp_path / "calls").read_text())[0][-1] == TYPED
    assert nothing_ran(folder)
