"""The web app as a Lambda function behind API Gateway: the image's default command is `kit.lambda_web.handler`."""

from mangum import Mangum

from kit import lifespan, wiring

# Mangum would run the app's lifespan on every invocation, so that is off: it has run here, once.
handler = Mangum(lifespan.Started(wiring.load(wiring.WEB_APP)), lifespan="off")
