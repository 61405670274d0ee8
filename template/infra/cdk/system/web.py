"""An HTTP API in front of the web function, at AWS's address, at your own domain or behind a CDN."""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from constructs import Construct

from .cdn import Cdn
from .environment import Environment, read_parameters
from .function import Function
from .settings import Settings
from .tasks import Tasks


class Web(Construct):
    """The API and the web function."""

    def __init__(
        self, scope: Construct, id: str, *, settings: Settings, environment: Environment, tasks: Tasks
    ) -> None:
        super().__init__(scope, id)
        brake = settings.web_reserved_concurrency
        self.function = Function(
            self,
            "Web",
            settings=settings,
            environment=environment,
            tasks=tasks,
            part="web",
            description="Answers web requests",
            memory=settings.web_memory,
            timeout=cdk.Duration.seconds(29),  # the HTTP API gives up after 30
            reserved_concurrency=None if brake < 0 else brake,
        )
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=settings.name,
            default_integration=integrations.HttpLambdaIntegration("Web", self.function.live),
            # With a domain, requests must not bypass a firewall in front of it. The template's own CDN needs this endpoint.
            disable_execute_api_endpoint=bool(settings.domain_name) and not settings.has_cdn,
            create_default_stage=False,
        )
        stage = self.api.add_stage(
            "DefaultStage",
            auto_deploy=True,
            # More requests are answered with a 429, which costs nothing.
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.throttle_rate, burst_limit=settings.throttle_burst
            ),
        )
        self.domain_target = ""
        if settings.has_cdn:
            self.cdn = Cdn(self, "Cdn", settings=settings, api=self.api)
            self.function.add_environment("ORIGIN_SECRET_PARAMETER", settings.origin_secret)
            self.function.role.add_to_policy(read_parameters(self, settings.origin_secret))
            self.address, self.domain_target = self.cdn.address, self.cdn.domain_target
        elif settings.domain_name:
            self._answer_at(settings, stage)
        else:
            self.address = self.api.api_endpoint

    def _answer_at(self, settings: Settings, stage: apigateway.HttpStage) -> None:
        domain = apigateway.DomainName(
            self,
            "Domain",
            domain_name=settings.domain_name,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn),
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        apigateway.ApiMapping(self, "Mapping", api=self.api, domain_name=domain, stage=stage)
        self.address = f"https://{settings.domain_name}"
        self.domain_target = domain.regional_domain_name
