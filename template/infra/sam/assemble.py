"""Assemble `build/template.yaml` for `sam` from `parts/`, `jobs.json` and `own.yaml`.

main.yaml       comes first and ends with `Resources:`
queue.yaml      is repeated for each queue, schedule.yaml for each schedule
elsewhere       a line with <Queue> is repeated for each queue; <,> at its end is a comma except after the last
own.yaml        is merged at the end: see merge.py

It runs in the environment of SAM, which has PyYAML. CloudFormation's Fn::ForEach repeats resources and keys, but not the items of a list, of which queues add many.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from merge import OwnError, merge

HERE = Path(__file__).resolve().parent
PARTS = HERE / "parts"


def main() -> None:
    """Write the template."""
    manifest = json.loads((HERE.parents[1] / "jobs.json").read_text(encoding="utf-8"))
    queues = [queue_words(queue, manifest["jobs"]) for queue in manifest["queues"]]
    schedules = [schedule_words(schedule) for schedule in manifest["schedules"]]
    once = sorted(part.stem for part in PARTS.glob("*.yaml") if part.stem not in {"main", "queue", "schedule"})
    resources = [repeated(read(part), queues) for part in once]
    resources += [filled(read("queue"), values) for values in queues]
    resources += [filled(read("schedule"), values) for values in schedules]
    text = repeated(read("main"), queues) + "\n".join(indented(part) for part in resources)
    HERE.joinpath("build").mkdir(exist_ok=True)
    HERE.joinpath("build", "template.yaml").write_text(merge(text, read_own()), encoding="utf-8")


def read(part: str) -> str:
    """The text of a part."""
    return (PARTS / f"{part}.yaml").read_text(encoding="utf-8")


def read_own() -> str:
    """The text of own.yaml, the user's part."""
    try:
        return (HERE / "own.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def queue_words(queue: dict[str, Any], jobs: list[dict[str, Any]]) -> dict[str, str]:
    """The values of a queue's placeholders."""
    attempts = [job["attempts"] for job in jobs if job["queue"] == queue["name"]]
    title = queue["name"].removesuffix(".fifo")
    return {
        "Queue": identifier(title),
        "queue": queue["name"],
        "title": title,
        "suffix": ".fifo" if queue["fifo"] else "",
        "fifo": "true" if queue["fifo"] else "!Ref AWS::NoValue",
        "batch_size": str(queue["batch_size"]),
        "max_receive_count": str(max([5, *(tries + 1 for tries in attempts)])),
    }


def schedule_words(schedule: dict[str, Any]) -> dict[str, str]:
    """The values of a schedule's placeholders."""
    values = {name: schedule[name] for name in ("name", "job", "expression", "timezone")}
    return values | {"Schedule": identifier(schedule["name"]), "input": json.dumps(schedule["input"])}


def identifier(name: str) -> str:
    """A name as a logical id in CloudFormation: kit-sweep becomes KitSweep."""
    return "".join(word[:1].upper() + word[1:] for word in re.split("[-.]", name.replace("_", "Underscore")))


def filled(text: str, values: dict[str, str]) -> str:
    """The text with its placeholders filled in."""
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def repeated(text: str, queues: list[dict[str, str]]) -> str:
    """The text with each line about queues repeated for each queue."""
    lines: list[str] = []
    for line in text.splitlines():
        if "<Queue>" not in line:
            lines.append(line)
            continue
        for queue in queues:
            comma = "" if queue is queues[-1] else ","
            lines.append(filled(line.replace("<,>", comma), queue))
    return "\n".join(lines) + "\n"


def indented(text: str) -> str:
    """A part, indented for `Resources:`."""
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))


if __name__ == "__main__":
    try:
        main()
    except OwnError as error:
        sys.exit(f"infra/sam/own.yaml: {error}")
