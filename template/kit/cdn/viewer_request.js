// Runs in CloudFront for each request, before its cache is looked up.
import cf from 'cloudfront';

function handler(event) {
  const request = event.request;
  // The API needs its own Host; the app knows the visitor's from this header. It replaces whatever the visitor sent.
  request.headers['x-forwarded-host'] = { value: request.headers.host.value };
  // The API refuses requests with a 429 when it is throttled, and with a 503 when Lambda has no more environments.
  // CloudFront has no error pages for a 429, so such a request goes on to an origin that does not exist (RFC 2606).
  // That is a 502, whose error page is /busy.html. A behavior with an origin group of its own could not accept a POST.
  // Source: CloudFront Developer Guide, "Optimize high availability with CloudFront origin failover".
  if (request.method === 'GET' || request.method === 'HEAD') {
    cf.createRequestOriginGroup({
      originIds: [{ originId: 'api' }, { originId: 'refused' }],
      failoverCriteria: { statusCodes: [429, 503] },
    });
  }
  return request;
}
