"""Assemble `infra/sam/build/template.yaml` for `sam` from `infra/sam/parts/`, `jobs.json` and `infra/sam/own.yaml`.

main.yaml       comes first and ends with `Resources:`
queue.yaml      is repeated for each queue, schedule.yaml for each schedule
rule.yaml       is repeated for each event of EventBridge that starts jobs, topic.yaml and stream.yaml for those of SNS and
                DynamoDB; queue_policy.yaml for each queue that they send to
elsewhere       a line with <Queue> is repeated for each queue; <,> at its end is a comma except after the last
cdn.yaml        is merged into a stage that has a CDN, and own.yaml at the end: see merge.py

It runs in the environment of SAM, which has PyYAML. CloudFormation's Fn::ForEach repeats resources and keys, but not the
items of a list, of which queues add many.
"""

import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from merge import OwnError, merge

SPECIAL = {"main", "cdn", "queue", "schedule", "rule", "topic", "stream", "streams_alarm", "queue_policy"}
PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "infra" / "sam"
PARTS = FOLDER / "parts"


def main() -> None:
    """Write the template."""
    manifest = json.loads((PROJECT / "jobs.json").read_text(encoding="utf-8"))
    declared = sorted(manifest["queues"] + kept_queues(), key=lambda queue: queue["name"])
    queues = [queue_words(queue, manifest["jobs"]) for queue in declared]
    schedules = [schedule_words(schedule) for schedule in manifest["schedules"]]
    once = sorted(part.stem for part in PARTS.glob("*.yaml") if part.stem not in SPECIAL)
    resources = [repeated(read(part), queues) for part in once]
    resources += [filled(read("queue"), values) for values in queues]
    resources += [filled(read("schedule"), values) for values in schedules]
    resources += event_parts(manifest.get("events", []), manifest["queues"])
    text = repeated(read("main"), queues) + "\n".join(indented(part) for part in resources)
    FOLDER.joinpath("build").mkdir(exist_ok=True)
    if has_cdn(os.environ.get("ARG_STAGE", "prod")):
        text = merge(text, cdn_part(), own=False)
    FOLDER.joinpath("build", "template.yaml").write_text(merge(text, read_own()), encoding="utf-8")


def read(part: str) -> str:
    """The text of a part."""
    return (PARTS / f"{part}.yaml").read_text(encoding="utf-8")


def has_cdn(stage: str) -> bool:
    """Whether a stage's settings turn the CDN on. Without one, its resources may not be in the template at all: some regions
    don't know their types.
    """
    file = FOLDER / "stages" / f"{stage}.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return settings.get("Cdn", "off") != "off"


def cdn_part() -> str:
    """The CDN's part, with the code of its function as a text in JSON, which is YAML, too."""
    code = (PROJECT / "kit" / "cdn" / "viewer_request.js").read_text(encoding="utf-8")
    return filled(read("cdn"), {"viewer_request": json.dumps(code)})


def kept_queues() -> list[dict[str, Any]]:
    """The queues that stay though jobs.json no longer has them, since they may hold jobs; `make deploy` names them."""
    names = os.environ.get("ARG_KEPT_QUEUES", "").split(",")
    return [
        {"name": name, "fifo": name.endswith(".fifo"), "batch_size": 1 if name.endswith(".fifo") else 10, "kept": True}
        for name in filter(None, names)
    ]


def read_own() -> str:
    """The text of own.yaml, the user's part."""
    try:
        return (FOLDER / "own.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def queue_words(queue: dict[str, Any], jobs: list[dict[str, Any]]) -> dict[str, str]:
    """The values of a queue's placeholders."""
    attempts = [job["attempts"] for job in jobs if job["queue"] == queue["name"] or "kept" in queue]
    title = queue["name"].removesuffix(".fifo")
    return {
        "Queue": identifier(title),
        "queue": queue["name"],
        "title": title,
        "suffix": ".fifo" if queue["fifo"] else "",
        "fifo": "true" if queue["fifo"] else "!Ref AWS::NoValue",
        "batch_size": str(queue["batch_size"]),
        "max_receive_count": str(max([5, *(tries + 1 for tries in attempts)])),
        "alarm_age": str(1800 + max([0, *(job["max_runtime"] for job in jobs if job["queue"] == queue["name"])])),
    }


def schedule_words(schedule: dict[str, Any]) -> dict[str, str]:
    """The values of a schedule's placeholders."""
    values = {name: schedule[name] for name in ("name", "job", "expression", "timezone")}
    return values | {"Schedule": identifier(schedule["name"]), "input": json.dumps(schedule["input"])}


def event_parts(events: list[dict[str, Any]], queues: list[dict[str, Any]]) -> list[str]:
    """The resources of the events that start jobs."""
    parts = [filled(read(event["kind"]), event_words(event)) for event in events]
    if any(event["kind"] == "stream" for event in events):
        parts.append(read("streams_alarm"))
    for queue in queues:
        title = identifier(queue["name"].removesuffix(".fifo"))
        rules = [event for event in events if event["kind"] == "rule"]
        own_rules = [rule for rule in rules if rule["queue"] == queue["name"]]
        topics = [event for event in events if event["kind"] == "topic" and event["queue"] == queue["name"]]
        parts += queue_policy(f"{title}Queue", own_rules, topics)
        # EventBridge needs a dead-letter queue that is not FIFO, so its dead letters are in the default queue's.
        parts += queue_policy(f"{title}DeadQueue", rules if queue["name"] == "default" else [], topics)
    return parts


def event_words(event: dict[str, Any]) -> dict[str, str]:
    """The values of the placeholders of an event's source; values in JSON are YAML, too."""
    values = {"name": event["name"], "Event": identifier(event["name"]), "Queue": "", "job": event.get("job", "")}
    if "queue" in event:
        values["Queue"] = identifier(event["queue"].removesuffix(".fifo"))
    match event["kind"]:
        case "rule":
            bus, fifo = event["bus"], event["queue"].endswith(".fifo")
            return values | {
                "bus": bus if bus == "default" or bus.startswith("arn:") else f'!Sub "${{Project}}-${{Stage}}-{bus}"',
                "pattern": json.dumps(with_prefix(event["pattern"])),
                "paths": json.dumps(event["input"]["paths"]),
                "template": json.dumps(event["input"]["template"]),
                "parameters": json.dumps({"MessageGroupId": event["job"]}) if fifo else "!Ref AWS::NoValue",
            }
        case "topic":
            return values | {"topic": json.dumps(topic_arn(event))}
    table, changes = event["table"], json.dumps({"eventName": event["changes"]})
    own = f"!GetAtt {identifier(table)}Table.StreamArn"
    return values | {"filter": changes, "stream": json.dumps(table) if table.startswith("arn:") else own}


def queue_policy(part: str, rules: list[dict[str, Any]], topics: list[dict[str, Any]]) -> list[str]:
    """The policy of a queue that rules and topics send to, if any do."""
    arns = {json.dumps(topic_arn(topic)): topic_arn(topic) for topic in topics}
    sources = {
        "events.amazonaws.com": [{"Fn::GetAtt": [f"{identifier(rule['name'])}Rule", "Arn"]} for rule in rules],
        "sns.amazonaws.com": list(arns.values()),
    }
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": [part, "Arn"]},
            "Condition": {"ArnEquals": {"aws:SourceArn": senders}},
        }
        for service, senders in sources.items()
        if senders
    ]
    return [filled(read("queue_policy"), {"Part": part, "statements": json.dumps(statements)})] if statements else []


def topic_arn(event: dict[str, Any]) -> Any:
    """The ARN of a topic, or of the stage's own topic with this name."""
    arn = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:${Project}-${Stage}-" + event["topic"]
    return event["topic"] if event["topic"].startswith("arn:") else {"Fn::Sub": arn}


def with_prefix(value: Any) -> Any:
    """A pattern whose <name> is the project and the stage."""
    match value:
        case dict():
            return {name: with_prefix(inner) for name, inner in value.items()}
        case list():
            return [with_prefix(inner) for inner in value]
        case str() if "<name>" in value:
            return {"Fn::Sub": value.replace("${", "${!").replace("<name>", "${Project}-${Stage}")}
    return value


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
