// @ts-check
// The shapes of the admin API that the page reads. Fields that only some servers send are optional.

/** @typedef {{ type?: string, title?: string, status?: number, detail?: string, code?: string, request_id?: string }} ProblemBody */

/**
 * @typedef {object} Me
 * @property {string} subject
 * @property {"session" | "token"} kind
 * @property {string[]} grants Such as `operator@acme` or `viewer@acme/shop`.
 * @property {string | null} [signed_in_at]
 * @property {string | null} [csrf]
 * @property {string | null} [public_url]
 * @property {string} [version]
 */

/**
 * @template T
 * @typedef {{ items: T[], next: string | null }} List
 */

/**
 * @typedef {"ready" | "needs_provider_secret" | "unbound" | "overlap" | "challenge_open" | "unusable" | "not_needed" |
 *   "auth_missing"} SecretStateWord
 */

/** @typedef {{ address: string | null, state: SecretStateWord, until: string | null }} SecretSummary */

/** @typedef {{ hour: string, admitted: number, refused: number, failed: number }} HourlyCounts */

/** @typedef {{ admitted: number, refused: number, failed: number, hours: HourlyCounts[] }} LastDay */

/**
 * @typedef {object} EndpointSummary
 * @property {string} id
 * @property {string} organisation
 * @property {string} workspace
 * @property {"draft" | "live" | "installation"} target
 * @property {string | null} flow
 * @property {string | null} url
 * @property {string | null} path
 * @property {string | null} mode
 * @property {string | null} preset
 * @property {boolean} enabled Whether its declaration enables it.
 * @property {boolean} suspended Whether an operator disabled it.
 * @property {boolean} unauthenticated
 * @property {SecretSummary} secret
 * @property {string | null} last_admitted_at
 * @property {LastDay | null} last_day
 * @property {string | null} last_reason The reason of the latest delivery.
 * @property {string[]} may
 */

/**
 * @typedef {object} AuthDefinition
 * @property {string} mode
 * @property {string} [header]
 * @property {string} [preset]
 * @property {Record<string, string>} [scheme]
 * @property {Record<string, string>} [settings]
 * @property {string} [public_url]
 * @property {string} [secret]
 */

/** @typedef {{ max_body_bytes?: number, max_multipart_bytes?: number, body_timeout_ms?: number, raw_mime_fields?: string[] }} Limits */

/**
 * @typedef {object} Definition
 * @property {string} id
 * @property {AuthDefinition | null} [auth]
 * @property {string} upstream
 * @property {string[]} [methods]
 * @property {string[]} [events]
 * @property {string} [handshake]
 * @property {string} [description]
 * @property {Limits} [limits]
 * @property {{ inputs?: Input[], schema?: unknown }} [contract]
 * @property {{ last: number, for_seconds: number }} [capture]
 */

/** @typedef {{ name: string, type: string, label?: string, required?: boolean, description?: string }} Input */

/**
 * @typedef {object} Connect
 * @property {string | null} url
 * @property {string | null} [signed_url]
 * @property {{ field: string, value: string, hint?: string | null }[]} [form]
 * @property {string | null} [scheme]
 * @property {{ title: string, command: string, expect?: string | null }[]} [checks]
 * @property {unknown} [challenge]
 */

/**
 * @typedef {EndpointSummary & { definition: Definition, updated_at: string, connect: Connect, declared_in_flow: boolean }} Endpoint
 */

/**
 * @typedef {object} Delivery
 * @property {number} number
 * @property {string} at
 * @property {string} request_id
 * @property {string | null} sender_id
 * @property {string | null} event
 * @property {"admitted" | "handshake" | "ignored" | "refused" | "failed"} outcome
 * @property {string} reason
 * @property {number | null} status
 * @property {string | null} cause
 * @property {string | null} client
 * @property {number | null} body_bytes
 * @property {number | null} [secret_version]
 * @property {{ receive_ms: number | null, verify_ms: number | null, backend_ms: number | null, total_ms: number | null }} timings
 * @property {boolean} captured
 */

/**
 * @typedef {object} Explanation
 * @property {string} judged_by
 * @property {boolean} admitted
 * @property {string} reason
 * @property {string | null} refused_by
 * @property {{ step: string, outcome: "passed" | "refused" | "not_reached", reason: string | null, says: string }[]} steps
 * @property {{ names: string[], proven: boolean, says: string, sender: string | null, operator: string | null }[]} causes
 * @property {string[]} notes
 * @property {string} judged_at
 * @property {number} tried
 * @property {boolean} tried_all
 */

/**
 * @typedef {object} SecretVersion
 * @property {number} version
 * @property {"current" | "previous" | "retired"} state
 * @property {string | null} [kind]
 * @property {string} created_at
 * @property {string | null} ends_at
 * @property {string} [key_service]
 * @property {string} [key]
 * @property {number} deliveries
 * @property {string | null} last_used_at
 */

/** @typedef {{ secret: string, state: SecretStateWord, until?: string | null, versions: SecretVersion[], users: string[] }} SecretStatus */

/**
 * @typedef {object} VersionImpact
 * @property {number} version
 * @property {number} deliveries
 * @property {number | null} [deliveries_last_day]
 * @property {string | null} last_used_at
 * @property {boolean} used_in_last_day
 * @property {string | null} ends_at
 */

/**
 * @typedef {object} SenderImpact
 * @property {string} endpoint
 * @property {string | null} url
 * @property {string | null} proof
 * @property {"not_configured" | "old_secret" | "other_proof" | "secret_unbound"} refusal
 * @property {string | null} from
 */

/**
 * @typedef {object} Impact
 * @property {SenderImpact[]} senders
 * @property {{ secret: string, shared_by: string[], versions: VersionImpact[] }[]} secrets
 */

/**
 * @typedef {object} PlanStep
 * @property {string} endpoint
 * @property {"create" | "delete" | "unchanged" | "update"} action
 * @property {string[]} [changed]
 * @property {string | null} [secret_created]
 * @property {{ secret: string, message: string, remedy: string } | null} [secret_warning]
 * @property {{ secret: string, bound_as: string, remedy: string } | null} [secret_unfit]
 * @property {string[]} [secrets_retired]
 */

/** @typedef {{ changed: boolean, steps?: PlanStep[], impact: Impact | null, endpoint?: Endpoint | null }} EndpointChange */

/**
 * @typedef {object} AuditLine
 * @property {number} [number]
 * @property {string} at
 * @property {{ name: string, origin: string }} actor
 * @property {string} action
 * @property {string} subject
 * @property {string} detail
 */

/**
 * @typedef {object} FlowSummary
 * @property {string} flow
 * @property {string} organisation
 * @property {string} workspace
 * @property {number | null} live
 * @property {number} installations
 * @property {string} drafted_at
 */

/** @typedef {{ interface: string, endpoint: string, url: string | null, enabled: boolean, description: string | null, inputs: Input[] }} FlowInterface */

/** @typedef {{ slot: string, secret: string, label: string | null, bound_since: string | null }} FlowSlot */

/** @typedef {{ target: string, version: number | null, interfaces: FlowInterface[], slots: FlowSlot[] }} FlowTarget */

/**
 * @typedef {object} Flow
 * @property {string} flow
 * @property {string} organisation
 * @property {string} workspace
 * @property {string} drafted_at
 * @property {boolean} unreleased
 * @property {FlowTarget[]} targets
 * @property {string[]} [may]
 */

/**
 * @typedef {object} WorkspaceToken
 * @property {string} id
 * @property {string} organisation
 * @property {string} workspace
 * @property {string} label
 * @property {string} created_at
 * @property {string} expires_at
 * @property {string | null} revoked_at
 * @property {string | null} last_used_at
 * @property {string} [state]
 */

/**
 * @typedef {object} OperatorToken
 * @property {string} id
 * @property {string} label
 * @property {string[]} grants
 * @property {string} created_at
 * @property {string} expires_at
 * @property {string | null} revoked_at
 * @property {string | null} last_used_at
 */

/**
 * @typedef {object} Preset
 * @property {string} name
 * @property {string} title
 * @property {string} evidence
 * @property {string | null} evidence_at
 * @property {string} source
 * @property {string} algorithm
 * @property {string} covers
 * @property {string | null} leaves_open
 * @property {string} window
 * @property {string} retries
 * @property {string} duplicates
 * @property {string | null} notes
 */

/** @typedef {{ name: string, state: "ok" | "degraded" | "down", since: string | null, detail: string | null }} HealthPart */

/**
 * @typedef {object} Health
 * @property {HealthPart[]} parts
 * @property {{ endpoint: string, what: string, until: string | null }[]} attention
 */

export {};
