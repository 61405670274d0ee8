"""CloudFront in front of the API."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from .settings import Settings

CODE = Path(__file__).resolve().parents[3] / "kit" / "cdn" / "viewer_request.js"
REFUSED = 502
"""The status of a request that the API refuses: see viewer_request.js."""
CACHEABLE_ERRORS = (400, 403, 404, 405, 414, 416, 500, 501, 503, 504)


class Cdn(Construct):
    """The distribution, and the page for visitors that the API refuses."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, api: apigateway.HttpApi) -> None:
        super().__init__(scope, id)
        self.name = f"{settings.name}-{settings.region}"  # of what is global to the account
        self.bucket = self._page_bucket(settings)
        domain = settings.domain_name
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=settings.name,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_ALL,
            web_acl_id=settings.web_acl or None,
            domain_names=[domain] if domain else None,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn)
            if domain
            else None,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if domain else None,
            default_behavior=self._app(settings, api),
            additional_behaviors={"/busy.html": self._page()},
            # Errors are cached as Cache-Control says, instead of for 10 seconds.
            error_responses=[
                *(
                    cloudfront.ErrorResponse(http_status=status, ttl=cdk.Duration.seconds(0))
                    for status in CACHEABLE_ERRORS
                ),
                cloudfront.ErrorResponse(
                    http_status=REFUSED,
                    ttl=cdk.Duration.seconds(1),
                    response_page_path="/busy.html",
                    response_http_status=503,
                ),
            ],
        )
        # Second origin of a request that the API refuses. No behavior has it, so that CDK's own construct can't add it.
        self.distribution.node.default_child.add_property_override(
            "DistributionConfig.Origins.2",
            {
                "Id": "refused",
                "DomainName": "refused.invalid",
                "CustomOriginConfig": {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]},
                "ConnectionAttempts": 1,
                "ConnectionTimeout": 1,
            },
        )
        self.domain_target = self.distribution.domain_name if domain else ""
        self.address = f"https://{domain or self.distribution.domain_name}"
        # For `make deploy` and `make status`.
        ssm.StringParameter(
            self,
            "Parameter",
            parameter_name=f"/{settings.project}/{settings.stage}/distribution",
            string_value=cdk.Stack.of(self).to_json_string(
                {
                    "domain": self.distribution.domain_name,
                    "host": domain or self.distribution.domain_name,
                    "id": self.distribution.distribution_id,
                }
            ),
        )

    def _app(self, settings: Settings, api: apigateway.HttpApi) -> cloudfront.BehaviorOptions:
        stack = cdk.Stack.of(self)
        secret = cdk.CfnDynamicReference(cdk.CfnDynamicReferenceService.SSM, settings.origin_secret).to_string()
        function = cloudfront.Function(
            self,
            "ViewerRequest",
            function_name=self.name,
            comment="Passes on the host, and fails over",
            code=cloudfront.FunctionCode.from_file(file_path=str(CODE)),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                f"{api.api_id}.execute-api.{stack.region}.{stack.url_suffix}",
                origin_id="api",
                read_timeout=cdk.Duration.seconds(60),  # the API gives up after 30
                custom_headers={"x-origin-secret": secret},  # without it, the app answers 403
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=self._cache_policy(settings),
            # With the headers that CloudFront adds, such as the visitor's address.
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            function_associations=[
                cloudfront.FunctionAssociation(
                    function=function, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                )
            ],
        )

    def _cache_policy(self, settings: Settings) -> cloudfront.CachePolicy:
        cookies = ["__Host-session", *filter(None, settings.cdn_cookies.split(","))]
        return cloudfront.CachePolicy(
            self,
            "CachePolicy",
            cache_policy_name=self.name,
            comment="As long as Cache-Control says",
            min_ttl=cdk.Duration.seconds(0),
            default_ttl=cdk.Duration.seconds(0),
            max_ttl=cdk.Duration.days(365),
            cookie_behavior=cloudfront.CacheCookieBehavior.allow_list(*cookies),
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list("x-forwarded-host"),
            query_string_behavior=cloudfront.CacheQueryStringBehavior.all(),
            enable_accept_encoding_brotli=True,
            enable_accept_encoding_gzip=True,
        )

    def _page_bucket(self, settings: Settings) -> s3.Bucket:
        """The bucket with the page, which `make deploy` uploads."""
        return s3.Bucket(
            self,
            "Page",
            bucket_name=f"{settings.name}-page-{cdk.Stack.of(self).account}",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _page(self) -> cloudfront.BehaviorOptions:
        access = cloudfront.S3OriginAccessControl(self, "PageAccess", origin_access_control_name=self.name)
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(
                self.bucket, origin_id="page", origin_access_control=access
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
        )
