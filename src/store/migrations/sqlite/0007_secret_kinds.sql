-- What a version was bound as: public, shared or token; empty until the first endpoint uses the secret. It is set once.
ALTER TABLE secret_versions ADD COLUMN kind TEXT;
-- The handshakes that sign challenges of strangers with the version, or once did, by their names and separated by
-- commas.
ALTER TABLE secret_versions ADD COLUMN challenges TEXT;

-- What was bound before is a key of the kind that its endpoints need now: nothing else is known of it. Where they
-- differ, the kind counts that more people know.
UPDATE secret_versions SET kind = (
    SELECT CASE max(rank) WHEN 3 THEN 'public' WHEN 2 THEN 'token' WHEN 1 THEN 'shared' END
    FROM (
        SELECT CASE
            WHEN algorithm IN ('ecdsa-p256-sha256', 'ecdsa-p256-sha256-fixed', 'ed25519', 'rsa-pkcs1-sha1',
                               'rsa-pkcs1-sha256') THEN 3
            WHEN algorithm IN ('basic', 'token') THEN 2
            WHEN algorithm IS NOT NULL THEN 1
            WHEN preset IN ('discord', 'paypal-pinned', 'plaid', 'rfc9421-ecdsa', 'rfc9421-ed25519', 'rfc9421-rsa',
                            'sendgrid', 'standard-webhooks-v1a', 'telnyx', 'wix') THEN 3
            WHEN mode IN ('api-key', 'bearer', 'secret') THEN 2
            WHEN preset IN ('auth0', 'buildkite-token', 'cloudflare-notifications', 'gitlab-token', 'ms-graph', 'okta',
                            'postmark', 'telegram') THEN 2
            ELSE 1
        END AS rank
        FROM (
            SELECT definition ->> '$.auth.mode' AS mode, definition ->> '$.auth.preset' AS preset,
                   definition ->> '$.auth.scheme.algorithm' AS algorithm
            FROM endpoints WHERE secret = secret_versions.scope || '#' || secret_versions.slot
        )
    )
);
-- The token of a handshake.
UPDATE secret_versions SET kind = 'token'
WHERE kind IS NULL AND slot = 'handshake' AND EXISTS (SELECT 1 FROM endpoints WHERE id = secret_versions.scope);

UPDATE secret_versions SET challenges = (
    SELECT group_concat(handshake, ',') FROM (
        SELECT DISTINCT definition ->> '$.handshake' AS handshake
        FROM endpoints WHERE secret = secret_versions.scope || '#' || secret_versions.slot
        AND definition ->> '$.handshake' IN ('linkedin', 'x', 'zoom')
    )
);
