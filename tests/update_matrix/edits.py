"""What a user changes in a project and commits."""

import difflib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import user_edits


@dataclass
class Project:
    """A project that is made ready for its update."""

    folder: Path
    old: dict[str, bytes]
    """What its version of the template made, without the user's own files."""
    new: dict[str, bytes]
    """What the next version makes of the same answers."""
    rng: random.Random

    def texts(self) -> list[str]:
        """The template's files to which a line may be added and stay one of its kind."""
        ends = (".py", ".md", ".toml", ".yml", ".mk", ".tf", "Makefile", "Dockerfile", ".gitignore", ".example")
        return [name for name in sorted(self.old) if name.endswith(ends) and (self.folder / name).is_file()]

    def add(self, name: str, line: str) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(line.encode() + b"\n")


def appended(project: Project) -> None:
    for number, name in enumerate(project.rng.sample(project.texts(), 5)):
        project.add(name, f"# my own line {number}")


def white_space(project: Project) -> None:
    for name in project.rng.sample([name for name in project.texts() if name.endswith(".py")], 3):
        project.add(name, "# ends with blanks \t ")


def conflicting(project: Project) -> None:
    for name in [name for name in project.texts() if project.new.get(name, project.old[name]) != project.old[name]][:2]:
        if name == ".copier-answers.yml":
            continue
        old, new = (side[name].decode().splitlines() for side in (project.old, project.new))
        first = next(
            (block for block in difflib.SequenceMatcher(None, old, new).get_opcodes() if block[0] == "replace"), None
        )
        if first:
            old[first[1]] = f"# mine instead of {first[1]}"
            (project.folder / name).write_text("\n".join([*old, ""]))


def edited_and_removed(project: Project) -> None:
    for name in sorted(project.old.keys() - project.new.keys())[:3]:
        project.add(name, "# mine in a file that goes")


def rewritten_readme(project: Project) -> None:
    (project.folder / "README.md").write_text("# Photo wall\nOurs alone.\n")


def shows_a_template(project: Project) -> None:
    project.add(".github/workflows/README.md", "Write {{ project_name }} and {% if iac %} as they are.")


def lines_removed(project: Project) -> None:
    for name in [name for name in project.texts() if name.endswith(".md")][-2:]:
        path = project.folder / name
        lines = path.read_text().splitlines(keepends=True)
        del lines[project.rng.randrange(len(lines))]
        path.write_text("".join(lines))


def files_of_ones_own(project: Project) -> None:
    for name, content in {
        "logo.png": b"\x89PNG\r\n\x1a\n\0\0",
        "app/naïve file.py": b"# mine\n",
        'app/with "quotes".txt': b"mine\n",
        "app/tab\tname.txt": b"mine\n",
        "app/windows.txt": b"mine\r\n",
        "docs/latin.txt": b"caf\xe9\n",
        "infra/mine.txt": b"mine\n",
    }.items():
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_bytes(content)


def lived_in(project: Project) -> None:
    for name, edit in user_edits.EDITS.items():
        if (project.folder / name).is_file() and project.old.get(name) == (project.folder / name).read_bytes():
            user_edits.change(project.folder / name, edit)
    for name in (".env.example", ".pscale.yml"):
        (project.folder / name).unlink(missing_ok=True)


def no_last_newline(project: Project) -> None:
    name = project.rng.choice([name for name in project.texts() if name.endswith(".md")])
    (project.folder / name).write_bytes((project.folder / name).read_bytes() + b"mine, without an end")


def both_added(project: Project) -> None:
    (project.folder / "LOGDAYS.txt").write_text("My own days.\n7\n")


def file_link(project: Project) -> None:
    (project.folder / "Makefile").rename(project.folder / "Makefile.mine")
    (project.folder / "Makefile").symlink_to("Makefile.mine")


def step_that_fails(project: Project) -> None:
    (project.folder / "no-days").touch()


def cannot_be_locked(project: Project) -> None:
    (project.folder / "uv.lock").write_text("version = 1\n")
    path = project.folder / "pyproject.toml"
    text, line = path.read_text(), 'constraint-dependencies = ["starlette<0.1"]\n'
    path.write_text(
        text.replace("[tool.uv]\n", f"[tool.uv]\n{line}") if "[tool.uv]\n" in text else f"{text}\n[tool.uv]\n{line}"
    )


def ignores_what_comes(project: Project) -> None:
    project.add(".gitignore", "notes/")


EDITS: list[Callable[[Project], None]] = [
    appended, conflicting, lived_in, white_space, edited_and_removed, files_of_ones_own, rewritten_readme, lines_removed,
    shows_a_template, no_last_newline, both_added, file_link, step_that_fails, cannot_be_locked, ignores_what_comes,
]  # fmt: skip
