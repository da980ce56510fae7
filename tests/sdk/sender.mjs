// Deliveries as a provider's own SDK for Node.js signs them, sent to the gate. The same words as in
// sender.py: `sender.mjs NAME`, the job on standard input, the answers on standard output.

import { readFileSync } from 'node:fs';

const HOUR = 3600;
let TEXT =
  '{"id": "evt_1",  "type":"payment.succeeded", "amount": 1000, "rate": 1.0,\r\n' +
  ' "note": "na\u00efve \u2603 \\u2603 \u{1f511} <b>&amp;</b> \\/"}\n';
const FORM = { Body: "na\u00efve + 100 % ~ 'x'", Amount: '1000', To: ['+1 555', '+1 444'], Empty: '' };

// A delivery with its signature in the header `name`.
const signed = (name, value, more = {}) => ({
  signature: name,
  body: TEXT,
  query: '',
  contentType: 'application/json',
  ...more,
  headers: { ...more.headers, [name]: value },
});

async function octokit(secret) {
  const { sign } = await import('@octokit/webhooks-methods');
  return signed('X-Hub-Signature-256', await sign(secret, TEXT));
}

async function shopify(secret) {
  await import('@shopify/shopify-api/adapters/node');
  const { ShopifyHeader } = await import('@shopify/shopify-api');
  const { createSHA256HMAC } = await import('@shopify/shopify-api/runtime');
  return signed(ShopifyHeader.Hmac, await createSHA256HMAC(secret, TEXT));
}

async function stripe(secret, url, at) {
  const { default: Stripe } = await import('stripe');
  const header = Stripe.webhooks.generateTestHeaderString({ payload: TEXT, secret, timestamp: at });
  return signed('Stripe-Signature', header);
}

async function standardWebhooks(secret, url, at) {
  const { Webhook } = await import('standardwebhooks');
  const signature = new Webhook(secret).sign('msg_1', new Date(at * 1000), TEXT);
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': `${at}` };
  return signed('webhook-signature', signature, { headers });
}

async function svix(secret, url, at) {
  const { Webhook } = await import('svix');
  const signature = new Webhook(secret).sign('msg_1', new Date(at * 1000), TEXT);
  const headers = { 'svix-id': 'msg_1', 'svix-timestamp': `${at}` };
  return signed('svix-signature', signature, { headers });
}

async function twilioForm(secret, url) {
  const { getExpectedTwilioSignature } = (await import('twilio')).default;
  const query = '?CallSid=CA1&x=a%20b';
  const pairs = Object.entries(FORM).flatMap(([name, it]) => [it].flat().map((value) => [name, value]));
  return signed('X-Twilio-Signature', getExpectedTwilioSignature(secret, url + query, FORM), {
    query,
    body: new URLSearchParams(pairs).toString(),
    contentType: 'application/x-www-form-urlencoded',
  });
}

async function twilioJson(secret, url) {
  const { getExpectedBodyHash, getExpectedTwilioSignature } = (await import('twilio')).default;
  const query = `?bodySHA256=${getExpectedBodyHash(TEXT)}`;
  return signed('X-Twilio-Signature', getExpectedTwilioSignature(secret, url + query, {}), { query });
}

async function workos(secret, url, at) {
  const { WorkOS } = await import('@workos-inc/node');
  const payload = JSON.parse(TEXT);
  const signature = await new WorkOS('sk_test').webhooks.computeSignature(at * 1000, payload, secret);
  // It signs what JSON.stringify makes of the payload, so that is what is sent.
  return signed('WorkOS-Signature', `t=${at * 1000}, v1=${signature}`, { body: JSON.stringify(payload) });
}

async function notion(secret) {
  const { signWebhookPayload } = await import('@notionhq/client');
  const signature = await signWebhookPayload({ body: TEXT, verificationToken: secret });
  return signed('X-Notion-Signature', signature);
}

async function sanity(secret, url, at) {
  const { encodeSignatureHeader, SIGNATURE_HEADER_NAME } = await import('@sanity/webhook');
  return signed(SIGNATURE_HEADER_NAME, await encodeSignatureHeader(TEXT, at * 1000, secret));
}

// By name: the package that has the version, and what signs.
const SDKS = {
  github: ['@octokit/webhooks-methods', octokit],
  notion: ['@notionhq/client', notion],
  sanity: ['@sanity/webhook', sanity],
  shopify: ['@shopify/shopify-api', shopify],
  standardwebhooks: ['standardwebhooks', standardWebhooks],
  stripe: ['stripe', stripe],
  svix: ['svix', svix],
  'twilio-form': ['twilio', twilioForm],
  'twilio-json': ['twilio', twilioJson],
  workos: ['@workos-inc/node', workos],
};

function changed(text, old, fresh) {
  if (!text.includes(old)) throw new Error(`no ${old} in ${text}`);
  return text.replace(old, fresh);
}

async function deliveryFor(kind, sign, job) {
  const now = Math.floor(Date.now() / 1000);
  const url = job.public_url + job.path;
  if (kind === 'wrong secret') return sign(job.other_secret, url, now);
  if (kind === 'an hour old') return sign(job.secret, url, now - HOUR);
  if (kind === 'an hour ahead') return sign(job.secret, url, now + HOUR);
  if (kind === 'time rewritten') {
    const delivery = await sign(job.secret, url, now - HOUR);
    const all = JSON.stringify(delivery.headers);
    return { ...delivery, headers: JSON.parse(changed(all, `${now - HOUR}`, `${now}`)) };
  }
  const delivery = await sign(job.secret, url, now);
  const { headers, signature } = delivery;
  if (kind === 'body changed') delivery.body = changed(delivery.body, '1000', '1001');
  else if (kind === 'query changed') delivery.query += '&more=1';
  else if (kind === 'signature cut') headers[signature] = headers[signature].slice(0, -4);
  else if (kind === 'signature left out') delete headers[signature];
  else if (kind !== 'genuine') throw new Error(kind);
  return delivery;
}

async function send(delivery, job) {
  return fetch(job.gate + job.path + delivery.query, {
    method: 'POST',
    headers: { ...delivery.headers, 'Content-Type': delivery.contentType },
    body: delivery.body,
    signal: AbortSignal.timeout(30_000),
  });
}

const job = JSON.parse(readFileSync(0, 'utf8'));
if (process.argv.at(-1) === 'twilio-spellings') {
  // Which of the pairs of a signed URL and the URL that was sent the SDK's validator accepts.
  const { getExpectedTwilioSignature, validateRequest } = (await import('twilio')).default;
  const accepted = job.pairs.map(([signed, sent]) =>
    validateRequest(job.secret, getExpectedTwilioSignature(job.secret, signed, {}), sent, {}));
  // A pipe takes so much at a time: the rest is lost if the process ends before it is written.
  await new Promise((written) => process.stdout.write(JSON.stringify(accepted), written));
  process.exit(0);
}
const [sdk, sign] = SDKS[process.argv.at(-1)];
TEXT = job.text ?? TEXT;
const answers = [];
for (const kind of job.cases) {
  const delivery = await deliveryFor(kind, sign, job);
  const answer = await send(delivery, job);
  await answer.arrayBuffer();
  answers.push({
    case: kind,
    status: answer.status,
    reason: answer.headers.get('Portcullis-Reason'),
    body: Buffer.from(delivery.body).toString('base64'),
  });
}
const { version } = JSON.parse(readFileSync(`node_modules/${sdk}/package.json`, 'utf8'));
process.stdout.write(JSON.stringify({ sdk, version, answers }));
