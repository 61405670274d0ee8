"""What an update refuses. In each generator, what is before `yield` is committed and what follows is not."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

import user_edits
from releases import git
from update_matrix.edits import Project

Obstacle = Callable[[Project], Iterator[None]]


def ignored_file(project: Project) -> Iterator[None]:
    project.add(".gitignore", "LOGDAYS.txt")
    yield
    (project.folder / "LOGDAYS.txt").write_text("my secret days\n")


def ignored_folder(project: Project) -> Iterator[None]:
    project.add(".gitignore", "LOGDAYS.txt")
    yield
    (project.folder / "LOGDAYS.txt").mkdir()
    (project.folder / "LOGDAYS.txt" / "a").write_text("my secret days\n")


def ignored_link_to_elsewhere(project: Project) -> Iterator[None]:
    project.add(".gitignore", "LOGDAYS.txt")
    yield
    outside = project.folder.parent / "outside.txt"
    outside.write_text("my days, elsewhere\n")
    (project.folder / "LOGDAYS.txt").symlink_to(outside)


def ignored_file_for_a_folder(project: Project) -> Iterator[None]:
    project.add(".gitignore", "/notes")
    yield
    (project.folder / "notes").write_text("my secret notes\n")


def file_for_a_folder(project: Project) -> Iterator[None]:
    (project.folder / "notes").write_text("my notes\n")
    yield


def other_letter_case(project: Project) -> Iterator[None]:
    (project.folder / "Logdays.TXT").write_text("my days\n")
    yield


def folder_link(project: Project) -> Iterator[None]:
    (project.folder / "kit").rename(project.folder / "kit.mine")
    (project.folder / "kit").symlink_to("kit.mine")
    yield


def not_utf8(project: Project) -> Iterator[None]:
    name = project.rng.choice(project.texts())
    (project.folder / name).write_bytes((project.folder / name).read_bytes() + b"# caf\xe9\n")
    yield


def binary(project: Project) -> Iterator[None]:
    (project.folder / ".env.example").write_bytes(b"mine\0\1\2\n")
    yield


def template_file_not_tracked(project: Project) -> Iterator[None]:
    project.add(".gitignore", "Dockerfile")
    git(project.folder, "rm", "--quiet", "--cached", "Dockerfile")
    yield
    project.add("Dockerfile", "# mine alone")


def assumed_unchanged(project: Project) -> Iterator[None]:
    yield
    git(project.folder, "update-index", "--assume-unchanged", "Makefile")
    project.add("Makefile", "# hidden from git")


def skipped_in_the_work_tree(project: Project) -> Iterator[None]:
    yield
    git(project.folder, "update-index", "--skip-worktree", "Makefile")
    project.add("Makefile", "# hidden from git")


def sparse(project: Project) -> Iterator[None]:
    yield
    git(project.folder, "sparse-checkout", "set", "--no-cone", "/*", "!/infra/")


def left_reject(project: Project) -> Iterator[None]:
    project.add(".gitignore", "*.rej")
    yield
    (project.folder / "mine.rej").write_text("what I kept\n")


def changed(project: Project) -> Iterator[None]:
    yield
    project.add("Makefile", "# not committed")
    (project.folder / "mine.txt").write_text("not committed\n")


def merging(project: Project) -> Iterator[None]:
    yield
    here = git(project.folder, "rev-parse", "HEAD")
    other = git(project.folder, "commit-tree", "-p", here, "-m", "other", "HEAD^{tree}")
    git(project.folder, "merge", "--no-commit", "--no-ff", "--quiet", other)


def rebasing(project: Project) -> Iterator[None]:
    project.add("README.md", "One more.")
    yield
    environ = os.environ | {"GIT_SEQUENCE_EDITOR": "echo break >>"}
    subprocess.run(
        ["git", "rebase", "--interactive", "--root"], cwd=project.folder, env=environ, check=True, capture_output=True
    )


def answers_gone(project: Project) -> Iterator[None]:
    yield
    git(project.folder, "rm", "--quiet", ".copier-answers.yml")
    git(project.folder, "commit", "--quiet", "--message", "Gone")


def answers_in_conflict(project: Project) -> Iterator[None]:
    yield
    path = project.folder / ".copier-answers.yml"
    path.write_text(f"<<<<<<< mine\n{path.read_text()}=======\n>>>>>>> theirs\n")
    git(project.folder, "commit", "--quiet", "--all", "--message", "Markers")


def answer_missing(project: Project) -> Iterator[None]:
    yield
    user_edits.change(project.folder / ".copier-answers.yml", lambda text: text.replace("project_name:", "name:"))
    git(project.folder, "commit", "--quiet", "--all", "--message", "An answer less")


def unknown_version(project: Project) -> Iterator[None]:
    yield
    user_edits.change(
        project.folder / ".copier-answers.yml", lambda text: re.sub(r"_commit: (\S+)", r"_commit: \1-3-gdeadbee", text)
    )
    git(project.folder, "commit", "--quiet", "--all", "--message", "A version that is nowhere")


def unreachable(project: Project) -> Iterator[None]:
    yield
    user_edits.change(
        project.folder / ".copier-answers.yml", lambda text: re.sub(r"_src_path: .*", f"_src_path: {AWAY}", text)
    )
    git(project.folder, "commit", "--quiet", "--all", "--message", "Elsewhere")


def no_repository(project: Project) -> Iterator[None]:
    yield
    dot = project.folder / ".git"
    shutil.rmtree(dot) if dot.is_dir() else dot.unlink()


AWAY = "https://template.invalid/template.git"
"""An address that leads to the template only once `url.*.insteadOf` says so: a network that is back."""

OBSTACLES: list[Obstacle] = [
    ignored_file, ignored_folder, ignored_link_to_elsewhere, ignored_file_for_a_folder, file_for_a_folder,
    other_letter_case, folder_link, not_utf8, binary, template_file_not_tracked, assumed_unchanged,
    skipped_in_the_work_tree, sparse, left_reject, changed, merging, rebasing, answers_gone, answers_in_conflict,
    answer_missing, unknown_version, unreachable, no_repository,
]  # fmt: skip


COMMITTED: list[Obstacle] = [
    file_for_a_folder, other_letter_case, folder_link, not_utf8, binary, answers_gone, answers_in_conflict,
    answer_missing, unknown_version,
]  # fmt: skip
"""Those that a clone has, too."""
