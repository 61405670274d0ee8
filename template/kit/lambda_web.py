"""The web app as a Lambda function behind API Gateway: the image's default command is `kit.lambda_web.handler`."""

from mangum import Mangum

from kit import wiring

# Mangum would run an ASGI lifespan on every invocation, so it is off: set things up at import instead.
handler = Mangum(wiring.load(wiring.WEB_APP), lifespan="off")
