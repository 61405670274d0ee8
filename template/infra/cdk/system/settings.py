"""A stage's settings, from `cdk.json` under `stages`, or from `-c name=value`."""

import re
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

CDN = ("off", "pay-as-you-go", "free")
"""The values of `cdn`."""


class Context(Protocol):
    """The source of settings: a construct's node."""

    def try_get_context(self, name: str) -> Any: ...


class SettingsError(Exception):
    """A setting is invalid; the message says what is expected."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a stage."""

    project: str
    region: str
    image: str  # by digest: <repository>@sha256:…
    stage: str = "prod"  # one of several copies of the app in an account
    architecture: str = "arm64"  # the image's processor; arm64 is 20 % cheaper than x86_64
    database_url_secret: str = ""  # SSM parameter, or ARN of a secret; empty for /<project>/<stage>/database-url
    web_memory: int = 1024  # MB; 1,769 MB is one vCPU
    throttle_rate: int = 500  # requests a second, on average, that the API accepts; more are refused
    throttle_burst: int = 1000  # requests that it accepts at once
    web_reserved_concurrency: int = (
        -1
    )  # environments at most, to limit a spike's cost; new accounts refuse it: make quota
    jobs_memory: int = 1024  # MB
    jobs_concurrency: int = 10  # concurrent jobs of a queue, 2 to 1000; `make deploy` lowers it where the quota is low
    task_cpu: int = 512  # 1024 is one vCPU
    task_memory: int = 1024  # MB
    vpc_id: str = ""  # the VPC of tasks; `make deploy` takes the account's default VPC
    subnet_ids: str = ""  # public subnets of that VPC, separated by commas
    kept_queues: str = ""  # stay though the app no longer declares them, separated by commas; `make deploy` sets it
    permissions_boundary: str = ""  # ARN of a policy that limits all roles, which `make deploy` finds; empty for none
    domain_name: str = ""  # such as wall.example.com, which is the only address then; empty for AWS's
    certificate_arn: str = ""  # the domain's certificate, in ACM in the same region, or in us-east-1 with a cdn
    cdn: str = "off"  # CloudFront in front of the API: off, pay-as-you-go, or its free plan
    web_acl: str = ""  # ARN of the CDN's web ACL, which `make deploy` creates for the free plan; empty for none
    cdn_cookies: str = ""  # cookies that pages in its cache depend on, besides the session's, separated by commas
    alarm_email: str = ""  # email address for alarms
    requests_alarm: int = 10_000  # number of requests in five minutes that raises an alarm
    monthly_budget: int = 20  # USD, for the whole account; `make deploy` sets the budget; 0 for none
    dashboard: bool = False  # 3 USD a month; the first three of an account are free
    log_retention: int = 30  # days: 1, 7, 14, 30, 90 or 365

    @classmethod
    def of(cls, node: Context) -> Self:
        """Read them; `-c` takes precedence over `cdk.json`. Raises `SettingsError`."""
        stage = node.try_get_context("stage")
        stage_settings = (node.try_get_context("stages") or {}).get(stage, {})
        if unknown := stage_settings.keys() - {field.name for field in fields(cls)}:
            raise SettingsError(f"cdk.json sets {', '.join(sorted(unknown))} for {stage}, which is no setting.")
        values = {}
        for field in fields(cls):
            value = node.try_get_context(field.name)
            value = stage_settings.get(field.name) if value is None else value
            if value is not None:
                values[field.name] = _read(field.name, field.type, value)
        if "image" not in values:
            raise SettingsError("The image is not named. Add: -c image=<repository>@sha256:…")
        settings = cls(**values)
        settings._check()
        return settings

    def _check(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9]{0,11}", self.stage):
            raise SettingsError(f"stage is {self.stage!r}. Take 1 to 12 lower-case letters and digits, such as: prod")
        if not re.search("@sha256:[0-9a-f]{64}$", self.image):
            raise SettingsError(f"image is {self.image!r}. Name it by digest: <repository>@sha256:…")
        if self.architecture not in {"arm64", "x86_64"}:
            raise SettingsError(f"architecture is {self.architecture!r}. Choose arm64 or x86_64.")
        if self.log_retention not in {1, 7, 14, 30, 90, 365}:
            raise SettingsError(f"log_retention is {self.log_retention}. Choose 1, 7, 14, 30, 90 or 365 days.")
        if not re.fullmatch(r"(/.+|arn:[^:]+:secretsmanager:.+)?", self.database_url_secret):
            raise SettingsError(
                f"database_url_secret is {self.database_url_secret!r}. Name an SSM parameter with its path, such as "
                "/my-app/prod/database-url, or the whole ARN of a Secrets Manager secret."
            )
        if self.cdn not in CDN:
            raise SettingsError(f"cdn is {self.cdn!r}. Choose one of {', '.join(CDN)}.")
        if self.domain_name and self.has_cdn and self.certificate_arn.split(":")[3:4] != ["us-east-1"]:
            raise SettingsError(
                "With a cdn, a domain_name needs a certificate_arn in us-east-1: CloudFront takes certificates from there "
                "alone."
            )
        if self.domain_name and not self.certificate_arn:
            raise SettingsError("A domain_name needs a certificate_arn: its certificate, in ACM in the same region.")

    @property
    def name(self) -> str:
        """What the names of resources begin with."""
        return f"{self.project}-{self.stage}"

    @property
    def is_preview(self) -> bool:
        """Whether it is a preview, which has no alarms: they cost more than all the rest of it."""
        return self.stage.startswith("preview")

    @property
    def has_cdn(self) -> bool:
        """Whether CloudFront is in front of the API."""
        return self.cdn != "off"

    @property
    def origin_secret(self) -> str:
        """The SSM parameter with the secret that CloudFront sends to the API."""
        return f"/{self.project}/{self.stage}/origin-secret"

    @property
    def secret(self) -> str:
        """The secret with the database URL: the path of an SSM parameter, or the ARN of a secret."""
        return self.database_url_secret or f"/{self.project}/{self.stage}/database-url"

    @property
    def app_secrets(self) -> str:
        """The SSM parameter with the secrets that app/settings.py declares."""
        return f"/{self.project}/{self.stage}/secrets"

    @property
    def digest(self) -> str:
        """The image's digest."""
        return self.image.partition("@")[2]


def _read(name: str, kind: Any, value: Any) -> int | bool | str:
    text = str(value)
    if kind is bool and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind is int and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind is str:
        return text
    raise SettingsError(f"{name} is {text!r}. Write {'true or false' if kind is bool else 'a whole number'}.")
