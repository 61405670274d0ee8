"""Serve MiniStack, with what it lacks of AWS for a rehearsal.

- An image in ECR is in MiniStack's own registry, which Docker reaches at 127.0.0.1.
- A function of a custom image has no runtime API to talk to: AWS's emulator of it, /rie, is put before it.
- A task is run through its definition's entry point, `env`, and has credentials and its region.
- An environment belongs to one version of a function, and goes on when the unpublished code or its settings change.
- What runs trusts the database's authority, as it would trust a public one.
- The address of an API is one that needs no DNS.
- A template's parameter that is a number counts as one, and a condition may split a parameter.
- The API tells the throttle of a template's stage.
"""

import os
import re
from collections.abc import Callable
from typing import Any

from docker.models.containers import ContainerCollection
from docker.models.images import ImageCollection
from ministack import app
from ministack.services import apigateway, ecr, lambda_svc
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

HERE = f"127.0.0.1:{os.environ['GATEWAY_PORT']}"
RIE, AUTHORITY = os.environ["RIE"], os.environ["AUTHORITY"]
"""Files of the machine that the Docker engine runs on."""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": os.environ["MINISTACK_REGION"],
}


def registry(image: str) -> str:
    """The name of an image for `docker pull`."""
    return re.sub(r"^\d+\.dkr\.ecr\.[\w-]+\.amazonaws\.com/", f"{HERE}/", image)


def as_in_aws(start: Callable[..., Any]) -> Callable[..., Any]:
    """Start a container as AWS would."""

    def started(self: Any, image: Any, *arguments: Any, **options: Any) -> Any:
        environment: dict[str, str] = options["environment"]
        environment["DATABASE_CA"] = "/authority.pem"
        volumes = {AUTHORITY: {"bind": "/authority.pem", "mode": "ro"}}
        if "AWS_LAMBDA_FUNCTION_NAME" in environment:
            volumes[RIE] = {"bind": "/rie", "mode": "ro"}
            options |= {
                "entrypoint": ["/rie", "python", "-m", "kit.aws_lambda.bootstrap"],
                "read_only": True,
                "tmpfs": {"/tmp": ""},
            }
        else:
            options["entrypoint"] = ["env"]
            environment |= CREDENTIALS
        return start(self, registry(image), *arguments, **options, volumes=volumes)

    return started


def by_registry(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Look up an image by its name for `docker pull`."""
    return lambda self, image, *arguments, **options: ask(self, registry(image), *arguments, **options)


def without_dns(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return addresses that any client can reach."""

    async def answered(*request: Any) -> Any:
        status, headers, body = await answer(*request)
        text = body.decode() if isinstance(body, bytes) else body
        answer_text = re.sub(
            r"http://([0-9a-f]{8})\.execute-api\.[\w.]+:\d+", rf"http://{HERE}/_aws/execute-api/\1/$default", text
        )
        return status, headers, answer_text.encode() if isinstance(body, bytes) else answer_text

    return answered


def with_numbers(make: Callable[..., Any]) -> Callable[..., Any]:
    """Create an event source with a numeric concurrency."""

    def create(name: str, properties: dict[str, Any], *arguments: Any) -> Any:
        scaling = {key: int(value) for key, value in properties.get("ScalingConfig", {}).items()}
        return make(name, properties | {"ScalingConfig": scaling}, *arguments)

    return create


def by_version(name: Callable[..., str]) -> Callable[..., str]:
    """Name the environments of one version; each change of the unpublished code begins new ones."""
    return lambda function, config: f"{name(function, config)}:{config['Version']}:{config['RevisionId']}"


def with_splits(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Evaluate a template's conditions with their parameters split."""

    def evaluated(template: dict[str, Any], params: dict[str, Any]) -> Any:
        def resolve(value: Any) -> Any:
            match value:
                case {"Fn::Split": [delimiter, {"Ref": name}]}:
                    return params[name]["Value"].split(delimiter)
                case dict():
                    return {key: resolve(inner) for key, inner in value.items()}
                case list():
                    return [resolve(inner) for inner in value]
            return value

        return evaluate(template | {"Conditions": resolve(template.get("Conditions", {}))}, params)

    return evaluated


def with_throttle(read: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a stage's throttle under the names of the API, not those of the template."""

    def properties_of(properties: dict[str, Any]) -> dict[str, Any]:
        settings = properties.get("DefaultRouteSettings", {})
        return read(properties) | {
            "defaultRouteSettings": {key[:1].lower() + key[1:]: int(float(value)) for key, value in settings.items()}
        }

    return properties_of


ContainerCollection.run = as_in_aws(ContainerCollection.run)
ImageCollection.get = by_registry(ImageCollection.get)
ImageCollection.pull = by_registry(ImageCollection.pull)
ecr._repo_uri = lambda name: f"{HERE}/{name}"
apigateway.handle_request = without_dns(apigateway.handle_request)
for module in (engine, changesets, handlers, stacks):
    module._evaluate_conditions = with_splits(module._evaluate_conditions)
lambda_svc._warm_pool_key = by_version(lambda_svc._warm_pool_key)
lambda_svc._pool_kill_function = lambda *_: None
source = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
source["create"] = with_numbers(source["create"])
provisioners._apigw_v2_stage_props = with_throttle(provisioners._apigw_v2_stage_props)
app.main()
