"""Deliveries as a provider's own SDK for Python signs them, sent to the gate.

Started by tests/integration/senders.rs, by hand with `sender.py NAME`. Standard input has the job, one
JSON object: where to, two secrets, and the cases to send. Standard output gets one JSON object: the SDK's
version, and what the gate answered to each case.

The signature is always the SDK's work. What is ours is where it goes in the delivery, and the tampering.
"""

import base64
import json
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

HOUR = 3600
# White space, two ways to write a character, and a number that most parsers write otherwise: whoever
# parses the body and writes it again has another one.
TEXT = (
    '{"id": "evt_1",  "type":"payment.succeeded", "amount": 1000, "rate": 1.0,\r\n'
    ' "note": "na\u00efve \u2603 \\u2603 \U0001f511 <b>&amp;</b> \\/"}\n'
)
# A name twice, and what an encoder has a choice over.
FORM = [("Body", "na\u00efve + 100 % ~ 'x'"), ("Amount", "1000"), ("To", "+1 555"), ("To", "+1 444"), ("Empty", "")]


@dataclass
class Delivery:
    headers: dict
    body: bytes
    # The header that has the signature; a signature that is in the body can be found there.
    signature: str
    query: str = ""
    content_type: str = "application/json"
    # The time that is signed, as it is written in the headers.
    time: str = ""
    # What to change in the body, and into what.
    mark: tuple = (b"1000", b"1001")
    # The body without the signature that is in it.
    unsigned: bytes = b""


def stripe(secret, url, at):
    import stripe

    header = stripe.WebhookSignature.generate_signature_header(TEXT, secret, at)
    return Delivery({"Stripe-Signature": header}, TEXT.encode(), "Stripe-Signature", time=str(at))


def standard_webhooks(secret, url, at):
    from standardwebhooks import Webhook

    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, timezone.utc), TEXT)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}
    return Delivery(headers, TEXT.encode(), "webhook-signature", time=str(at))


def svix(secret, url, at):
    from svix.webhooks import Webhook

    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, timezone.utc), TEXT)
    headers = {"svix-id": "msg_1", "svix-timestamp": str(at), "svix-signature": signature}
    return Delivery(headers, TEXT.encode(), "svix-signature", time=str(at))


def slack(secret, url, at):
    return slack_with(secret, at, TEXT, "application/json")


def slack_form(secret, url, at):
    return slack_with(secret, at, urllib.parse.urlencode(FORM), "application/x-www-form-urlencoded")


def slack_with(secret, at, body, content_type):
    from slack_sdk.signature import SignatureVerifier

    signature = SignatureVerifier(secret).generate_signature(timestamp=str(at), body=body)
    headers = {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": signature}
    return Delivery(headers, body.encode(), "X-Slack-Signature", "", content_type, str(at))


def twilio_form(secret, url, at):
    return twilio_form_with(secret, url, "HMAC_SHA1")


def twilio_sha256(secret, url, at):
    delivery = twilio_form_with(secret, url, "HMAC_SHA256")
    delivery.headers["X-Twilio-Webhooks-Signature-Settings"] = "key=k1,algorithm=HMAC_SHA256"
    return delivery


def twilio_form_with(secret, url, algorithm):
    from multidict import MultiDict
    from twilio.request_validator import RequestValidator

    query = "?CallSid=CA1&x=a%20b"
    signature = RequestValidator(secret).compute_signature(url + query, MultiDict(FORM), algorithm)
    return Delivery(
        {"X-Twilio-Signature": signature},
        urllib.parse.urlencode(FORM).encode(),
        "X-Twilio-Signature",
        query,
        "application/x-www-form-urlencoded",
    )


def twilio_json(secret, url, at):
    from twilio.request_validator import RequestValidator

    validator = RequestValidator(secret)
    query = "?bodySHA256=" + validator.compute_hash(TEXT)
    signature = validator.compute_signature(url + query, {})
    return Delivery({"X-Twilio-Signature": signature}, TEXT.encode(), "X-Twilio-Signature", query)


def paddle(secret, url, at):
    from paddle_billing.Notifications.PaddleSignature import PaddleSignature

    signature = PaddleSignature.calculate_hmac(secret, f"{at}:{TEXT}".encode()).hexdigest()
    headers = {"Paddle-Signature": f"ts={at};h1={signature}"}
    return Delivery(headers, TEXT.encode(), "Paddle-Signature", time=str(at))


def coinbase_commerce(secret, url, at):
    from coinbase_commerce.webhook import WebhookSignature

    signature = WebhookSignature._compute_signature(TEXT, secret)
    return Delivery({"X-CC-Webhook-Signature": signature}, TEXT.encode(), "X-CC-Webhook-Signature")


def hubspot(number):
    def sign(secret, url, at):
        from hubspot.utils.signature import Signature

        query = "?portal=7"
        timestamp = str(at * 1000)
        signature = Signature.get_signature(secret, TEXT, number, url + query, "POST", timestamp)
        if number == "v3":
            name = "X-HubSpot-Signature-v3"
            headers = {"X-HubSpot-Request-Timestamp": timestamp}
        else:
            name = "X-HubSpot-Signature"
            headers = {"X-HubSpot-Signature-Version": number}
        return Delivery(headers | {name: signature}, TEXT.encode(), name, query, time=timestamp)

    return sign


def adyen_platform(secret, url, at):
    from Adyen.util import generate_payload_sig

    signature = generate_payload_sig(TEXT.encode(), secret).decode()
    headers = {"HmacSignature": signature, "Protocol": "HmacSHA256"}
    return Delivery(headers, TEXT.encode(), "HmacSignature")


def adyen_payments(secret, url, at):
    from Adyen.util import generate_notification_sig

    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "na\u00efve: 1",
        "amount": {"value": 1000, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    signature = generate_notification_sig(item, secret).decode()

    def body(item):
        items = [{"NotificationRequestItem": item}]
        return json.dumps({"live": "false", "notificationItems": items}).encode()

    signed = item | {"additionalData": {"hmacSignature": signature}}
    return Delivery({}, body(signed), signature, unsigned=body(item))


def box(secret, url, at):
    from box_sdk_gen.internal.utils import compute_webhook_signature

    # As Box writes it, with an offset.
    written = datetime.fromtimestamp(at, timezone(timedelta(hours=-8))).isoformat()
    headers = {
        "box-delivery-timestamp": written,
        "box-signature-version": "1",
        "box-signature-algorithm": "HmacSHA256",
    }
    signature = compute_webhook_signature(TEXT, headers, secret)
    headers["box-signature-primary"] = signature
    return Delivery(headers, TEXT.encode(), "box-signature-primary", time=written)


def braintree(secret, url, at):
    import braintree

    gateway = braintree.BraintreeGateway(
        braintree.Configuration(braintree.Environment.Sandbox, "merchant", "public_key", secret)
    )
    kind = braintree.WebhookNotification.Kind.SubscriptionWentPastDue
    notification = gateway.webhook_testing.sample_notification(kind, "my_id")
    signature = urllib.parse.quote(notification["bt_signature"].split("|")[1])
    return Delivery(
        {},
        urllib.parse.urlencode(notification).encode(),
        signature,
        content_type="application/x-www-form-urlencoded",
        # The first characters of the payload, base64.
        mark=(b"bt_payload=", b"bt_payload=AAAA"),
        unsigned=urllib.parse.urlencode({"bt_payload": notification["bt_payload"]}).encode(),
    )


# By name: the distribution that has the version, and what signs.
SDKS = {
    "adyen-payments": ("adyen", adyen_payments),
    "adyen-platform": ("adyen", adyen_platform),
    "box": ("boxsdk", box),
    "braintree": ("braintree", braintree),
    "coinbase-commerce": ("coinbase-commerce", coinbase_commerce),
    "hubspot-v1": ("hubspot-api-client", hubspot("v1")),
    "hubspot-v2": ("hubspot-api-client", hubspot("v2")),
    "hubspot-v3": ("hubspot-api-client", hubspot("v3")),
    "paddle": ("paddle-python-sdk", paddle),
    "slack": ("slack-sdk", slack),
    "slack-form": ("slack-sdk", slack_form),
    "standardwebhooks": ("standardwebhooks", standard_webhooks),
    "stripe": ("stripe", stripe),
    "svix": ("svix", svix),
    "twilio-form": ("twilio", twilio_form),
    "twilio-json": ("twilio", twilio_json),
    "twilio-sha256": ("twilio", twilio_sha256),
}


def cut_signature(delivery):
    """In its header, or wherever it is in the body."""
    if delivery.signature in delivery.headers:
        delivery.headers[delivery.signature] = delivery.headers[delivery.signature][:-4]
    else:
        whole = delivery.signature.encode()
        assert delivery.body.count(whole) == 1
        delivery.body = delivery.body.replace(whole, whole[:-4])


def delivery_for(case, sign, job):
    now = int(time.time())
    url, secret = job["public_url"] + job["path"], job["secret"]
    if case == "wrong secret":
        return sign(job["other_secret"], url, now)
    if case == "an hour old":
        return sign(secret, url, now - HOUR)
    if case == "an hour ahead":
        return sign(secret, url, now + HOUR)
    if case == "time rewritten":
        delivery = sign(secret, url, now - HOUR)
        old, new = delivery.time, sign(secret, url, now).time
        assert old and any(old in value for value in delivery.headers.values())
        delivery.headers = {name: value.replace(old, new) for name, value in delivery.headers.items()}
        return delivery
    delivery = sign(secret, url, now)
    if case == "body changed":
        assert delivery.mark[0] in delivery.body
        delivery.body = delivery.body.replace(*delivery.mark, 1)
    elif case == "query changed":
        delivery.query += "&more=1"
    elif case == "signature cut":
        cut_signature(delivery)
    elif case == "signature left out":
        if delivery.signature in delivery.headers:
            del delivery.headers[delivery.signature]
        else:
            delivery.body = delivery.unsigned
    else:
        assert case == "genuine", case
    return delivery


class AnyStatus(urllib.request.HTTPErrorProcessor):
    """Every status is an answer."""

    def http_response(self, request, response):
        return response


# Whatever proxy the environment names, the gate is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), AnyStatus())


def send(delivery, job):
    request = urllib.request.Request(
        job["gate"] + job["path"] + delivery.query,
        data=delivery.body,
        headers=delivery.headers | {"Content-Type": delivery.content_type},
    )
    with OPENER.open(request, timeout=30) as answer:
        return answer.status, answer.headers["Portcullis-Reason"]


def twilio_spellings(job):
    """Which of the pairs of a signed URL and the URL that was sent the SDK's validator accepts."""
    from twilio.request_validator import RequestValidator

    validator = RequestValidator(job["secret"])
    accepts = lambda signed, sent: validator.validate(sent, {}, validator.compute_signature(signed, {}))
    json.dump([accepts(signed, sent) for signed, sent in job["pairs"]], sys.stdout)


def main():
    global TEXT
    if sys.argv[1] == "twilio-spellings":
        return twilio_spellings(json.load(sys.stdin))
    distribution, sign = SDKS[sys.argv[1]]
    job = json.load(sys.stdin)
    TEXT = job.get("text", TEXT)
    answers = []
    for case in job["cases"]:
        delivery = delivery_for(case, sign, job)
        status, reason = send(delivery, job)
        body = base64.b64encode(delivery.body).decode()
        answers.append({"case": case, "status": status, "reason": reason, "body": body})
    json.dump({"sdk": distribution, "version": version(distribution), "answers": answers}, sys.stdout)


main()
