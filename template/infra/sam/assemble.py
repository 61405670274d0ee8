"""Makes `build/template.yaml` of `parts/` and `jobs.json`, for `sam`. A template knows no loops; this is all it takes:

main.yaml       stands first, and ends with `Resources:`
queue.yaml      stands once for each queue, schedule.yaml once for each schedule
elsewhere       a line that names <Queue> stands once for each queue; <,> at its end is a comma between them
"""

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PARTS = HERE / "parts"


def main() -> None:
    """Write the template."""
    manifest = json.loads((HERE.parents[1] / "jobs.json").read_text(encoding="utf-8"))
    queues = [queue_words(queue, manifest["jobs"]) for queue in manifest["queues"]]
    schedules = [schedule_words(schedule) for schedule in manifest["schedules"]]
    once = sorted(part.stem for part in PARTS.glob("*.yaml") if part.stem not in {"main", "queue", "schedule"})
    resources = [repeated(read(part), queues) for part in once]
    resources += [filled(read("queue"), words) for words in queues]
    resources += [filled(read("schedule"), words) for words in schedules]
    text = repeated(read("main"), queues) + "\n".join(indented(part) for part in resources)
    HERE.joinpath("build").mkdir(exist_ok=True)
    HERE.joinpath("build", "template.yaml").write_text(text, encoding="utf-8")


def read(part: str) -> str:
    """A part's text."""
    return (PARTS / f"{part}.yaml").read_text(encoding="utf-8")


def queue_words(queue: dict[str, Any], jobs: list[dict[str, Any]]) -> dict[str, str]:
    """What is filled in for a queue."""
    attempts = [job["attempts"] for job in jobs if job["queue"] == queue["name"]]
    title = queue["name"].removesuffix(".fifo")
    return {
        "Queue": identifier(title),
        "queue": queue["name"],
        "title": title,
        "suffix": ".fifo" if queue["fifo"] else "",
        "fifo": "true" if queue["fifo"] else "!Ref AWS::NoValue",
        "batch_size": str(queue["batch_size"]),
        "receives": str(max([5, *(tries + 1 for tries in attempts)])),
    }


def schedule_words(schedule: dict[str, Any]) -> dict[str, str]:
    """What is filled in for a schedule."""
    given = {name: schedule[name] for name in ("name", "job", "expression", "timezone")}
    return given | {"Schedule": identifier(schedule["name"]), "input": json.dumps(schedule["input"])}


def identifier(name: str) -> str:
    """A name as CloudFormation's logical ids are: kit-sweep becomes KitSweep."""
    return "".join(word[:1].upper() + word[1:] for word in re.split("[-.]", name.replace("_", "Underscore")))


def filled(text: str, words: dict[str, str]) -> str:
    """The text with its words filled in."""
    for word, value in words.items():
        text = text.replace(f"<{word}>", value)
    return text


def repeated(text: str, queues: list[dict[str, str]]) -> str:
    """The text with each line about queues once for each."""
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
    """A part as it stands below `Resources:`."""
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))


if __name__ == "__main__":
    main()
