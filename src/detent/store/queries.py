"""Every SQL statement, named, written once. Parameters are named; a dialect may rewrite their style."""

import re
from functools import cache

from detent.store.protocol import ROTATION_PAUSED


@cache
def parameters(sql: str) -> tuple[str, ...]:
    """Give the names of a statement's parameters, in the order in which they stand in it."""
    return tuple(re.findall(r":(\w+)", sql))


_SECRET = (
    "s.key, s.account, s.region, s.name, s.arn, s.description, s.kms_key_id, s.type, s.tags, s.labels, s.created_at,"
    " s.changed_at, s.accessed_day, s.deletion_at, s.rotation, s.replicas, s.primary_link, s.revision"
)
_VERSION = "id, created_at, keyset_id, accessed_day, target"
ROTATION_COLUMNS = (
    "r.secret_key, r.opens_at, r.closes_at, r.due_at, r.token, r.purpose, r.state, r.step, r.failures, r.started_at,"
    " r.ended_at, r.reason, r.epoch, r.id, r.acted, r.replaced, r.origin"
)
_KEYSET = "id, account, region, created_at, alias, enabled, deletion_at, rotated_at, generation"
_ACCESS_KEY = (
    "k.account, k.principal_arn, k.id, k.grant_secret, k.grant_token, k.grant_admin, k.keyset_id, k.ciphertext,"
    " k.created_at, k.expires_at, k.session_token_hash, k.rotation_token_hash, k.active, k.used_at, k.used_service,"
    " k.used_region, k.session, i.key, i.kind, i.name, i.id, i.tags"
)
_ACCESS_KEYS = f"SELECT {_ACCESS_KEY} FROM access_keys k LEFT JOIN identities i ON i.key = k.identity_key"
_IDENTITY = "i.key, i.account, i.kind, i.name, i.id, i.created_at, i.tags, i.trust, i.longest_session"
_FUNCTION = (
    "f.account, f.region, f.name, f.runtime, f.handler, f.timeout, f.memory, f.code_sha256, f.code_bytes, f.revision,"
    " f.modified_at, f.role, f.description, f.layers, f.remote, f.policy, f.tags"
)
_EVENT = "id, function_key, request_id, accepted_at, attempts, ciphertext, keyset_id"
_IDENTITY_POLICY = "p.account, p.name, p.document, p.created_at, p.changed_at"

FACT = "SELECT value FROM facts WHERE name = :name"
KEEP_FACT = (
    "INSERT INTO facts (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
DROP_FACT = "DELETE FROM facts WHERE name = :name"
RUNNING = f"NOT EXISTS (SELECT 1 FROM facts WHERE name = '{ROTATION_PAUSED}')"
# What a copy of the store must not bring along: sessions, whose secrets others may have, and leases.
DROP_ALL_SESSIONS = "DELETE FROM access_keys WHERE expires_at IS NOT NULL"
RELEASE_LEASES = "UPDATE rotations SET lease_owner = NULL, lease_until = NULL WHERE lease_until IS NOT NULL"
ADVANCE_FACT = f"{KEEP_FACT} WHERE excluded.value > facts.value"
ADD_FACT = "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"

SECRET_NAMED = f"SELECT {_SECRET} FROM secrets s WHERE account = :account AND region = :region AND name = :name"
SECRET_KEYED = f"SELECT {_SECRET} FROM secrets s WHERE key = :key"
SECRETS = f"SELECT {_SECRET} FROM secrets s"
# What `store.search` puts statements together from. SQLite: a plus keeps a column's index out of use.
SECRETS_WHERE = f"SELECT {_SECRET} FROM secrets s WHERE {{conditions}} ORDER BY {{order}} LIMIT :limit"
PLACE_WHERE = "SELECT {columns} FROM secrets s WHERE {conditions} ORDER BY {order} LIMIT 1 OFFSET :skipped"
ALONG_INDEX = "s.account = :account AND s.region = :region AND s.live = :live"
AMONG_KEYS = "s.key IN ({keys}) AND +s.account = :account AND +s.region = :region AND s.live = :live"
KEYS_OF_TERMS = "SELECT t.secret_key FROM terms t WHERE {range}"
PROBED = "EXISTS (SELECT 1 FROM terms t WHERE t.secret_key = s.key AND {range})"
COLLECTED = "+s.key IN (SELECT t.secret_key FROM terms t WHERE {range})"
ADD_SECRET = (
    "INSERT INTO secrets (account, region, name, arn, description, kms_key_id, type, tags, labels, created_at,"
    " changed_at, accessed_day, deletion_at, rotation, replicas, primary_link, revision)"
    " VALUES (:account, :region, :name, :arn, :description, :kms_key_id, :type, :tags, :labels, :created_at,"
    " :changed_at, :accessed_day, :deletion_at, :rotation, :replicas, :primary_link, :revision) RETURNING key"
)
_SAVED = (
    "description = :description, kms_key_id = :kms_key_id, type = :type, tags = :tags, labels = :labels,"
    " changed_at = :changed_at, rotation = :rotation, replicas = :replicas, primary_link = :primary_link,"
    " revision = :revision + 1 WHERE key = :key AND revision = :revision"
)
# SQLite: whatever is named after SET is taken out of its indexes and put in again, changed or not (3.40).
SAVE_SECRET = f"UPDATE secrets SET {_SAVED}"
SAVE_SECRET_MOVED = (
    "UPDATE secrets SET accessed_day = :accessed_day, deletion_at = :deletion_at, credential_at ="
    f" (SELECT created_at FROM versions WHERE secret_key = :key AND id = :credential), {_SAVED}"
)
ERASE_SECRET = "DELETE FROM secrets WHERE key = :key RETURNING account, region"
COUNT_SECRETS = "SELECT secrets FROM secret_counts WHERE account = :account AND region = :region"
CHANGE_COUNT = (
    "INSERT INTO secret_counts (account, region, secrets) VALUES (:account, :region, :by)"
    " ON CONFLICT (account, region) DO UPDATE SET secrets = secret_counts.secrets + excluded.secrets"
)
DUE_FOR_ERASURE = f"SELECT {_SECRET} FROM secrets s WHERE deletion_at <= :now ORDER BY deletion_at LIMIT :limit"
TOUCH_SECRET = "UPDATE secrets SET accessed_day = :day WHERE key = :key"
DROP_TERM = "DELETE FROM terms WHERE kind = :kind AND term = :term AND secret_key = :key"
ADD_TERM = "INSERT INTO terms (kind, term, secret_key) VALUES (:kind, :term, :key)"

VERSION = f"SELECT {_VERSION} FROM versions WHERE secret_key = :key AND id = :id"
VERSIONS = f"SELECT {_VERSION} FROM versions WHERE secret_key = :key ORDER BY created_at, id"
COUNT_VERSIONS = "SELECT count(*) FROM versions WHERE secret_key = :key"
SEALED = "SELECT ciphertext, keyset_id FROM versions WHERE secret_key = :key AND id = :id AND ciphertext IS NOT NULL"
PUT_VERSION = (
    "INSERT INTO versions (secret_key, id, created_at, accessed_day, keyset_id, ciphertext, target)"
    " VALUES (:key, :id, :created_at, :accessed_day, :keyset_id, :ciphertext, :target)"
    " ON CONFLICT (secret_key, id) DO UPDATE SET keyset_id = excluded.keyset_id, ciphertext = excluded.ciphertext,"
    " target = excluded.target WHERE versions.ciphertext IS NULL"
)
RESEAL_VERSION = (
    "UPDATE versions SET keyset_id = :keyset_id, ciphertext = :ciphertext WHERE secret_key = :key AND id = :id"
)
DROP_VERSION = "DELETE FROM versions WHERE secret_key = :key AND id = :id"
TOUCH_VERSION = "UPDATE versions SET accessed_day = :day WHERE secret_key = :key AND id = :id"

KEYSET = f"SELECT {_KEYSET} FROM keysets WHERE id = :id"
KEYSET_ALIASED = f"SELECT {_KEYSET} FROM keysets WHERE account = :account AND region = :region AND alias = :alias"
KEYSETS = f"SELECT {_KEYSET} FROM keysets WHERE account = :account AND region = :region ORDER BY created_at, id"
KEYSET_SEALED = "SELECT sealed FROM keysets WHERE id = :id"
ADD_KEYSET = (
    "INSERT INTO keysets (id, account, region, alias, created_at, enabled, sealed)"
    " VALUES (:id, :account, :region, :alias, :created_at, :enabled, :sealed)"
)
SAVE_KEYSET = (
    "UPDATE keysets SET alias = :alias, enabled = :enabled, deletion_at = :deletion_at, rotated_at = :rotated_at,"
    " generation = :generation WHERE id = :id"
)
ALL_KEYSETS = f"SELECT {_KEYSET} FROM keysets ORDER BY id"
KEYSETS_DUE = f"SELECT {_KEYSET} FROM keysets WHERE deletion_at <= :now ORDER BY deletion_at, id LIMIT :limit"
RESEAL_KEYSET = "UPDATE keysets SET sealed = :sealed WHERE id = :id"
DROP_KEYSET = "DELETE FROM keysets WHERE id = :id"
_UNDER = "keyset_id = :id AND ciphertext IS NOT NULL"
_SEAL = "substr(ciphertext, 1, 5)"  # as the indexes have it; `<>` would go through all of one, and so may an OR
_STALE_VERSIONS = (
    "SELECT v.secret_key, s.arn, v.id, v.ciphertext, v.keyset_id FROM versions v JOIN secrets s ON s.key = v.secret_key"
    f" WHERE {_UNDER} AND {_SEAL}"
)
_STALE_ACCESS_KEYS = f"SELECT id, ciphertext, keyset_id FROM access_keys WHERE {_UNDER} AND {_SEAL}"
STALE_VERSIONS = f"{_STALE_VERSIONS} < :prefix UNION ALL {_STALE_VERSIONS} > :prefix LIMIT :limit"
STALE_ACCESS_KEYS = f"{_STALE_ACCESS_KEYS} < :prefix UNION ALL {_STALE_ACCESS_KEYS} > :prefix LIMIT :limit"
_STALE_ENVIRONMENTS = (
    "SELECT 'environment', key, account, region, name, '', ciphertext, keyset_id FROM functions"
    f" WHERE {_UNDER} AND {_SEAL}"
)
_STALE_LOGS = (
    "SELECT 'log', l.id, f.account, f.region, f.name, l.request_id, l.ciphertext, l.keyset_id FROM function_logs l"
    " JOIN functions f ON f.key = l.function_key WHERE l.keyset_id = :id AND substr(l.ciphertext, 1, 5)"
)
_STALE_EVENTS = _STALE_LOGS.replace("'log'", "'event'").replace("function_logs", "function_events")
STALE_FUNCTION_PARTS = " UNION ALL ".join(
    f"{stale} {sorts} :prefix" for stale in (_STALE_ENVIRONMENTS, _STALE_LOGS, _STALE_EVENTS) for sorts in ("<", ">")
)
STALE_FUNCTION_PARTS = f"{STALE_FUNCTION_PARTS} LIMIT :limit"
_RESEALED = "SET keyset_id = :keyset_id, ciphertext = :ciphertext"
RESEAL_FUNCTION_PART = {
    "environment": f"UPDATE functions {_RESEALED} WHERE key = :number",
    "log": f"UPDATE function_logs {_RESEALED} WHERE id = :number",
    "event": f"UPDATE function_events {_RESEALED} WHERE id = :number",
}
_COUNTS = f"SELECT count(*), count(CASE WHEN {_SEAL} <> :prefix THEN 1 END)"
COUNT_VERSIONS_UNDER = f"{_COUNTS} FROM versions WHERE {_UNDER}"
COUNT_ACCESS_KEYS_UNDER = f"{_COUNTS} FROM access_keys WHERE {_UNDER}"
COUNT_FUNCTIONS_UNDER = f"{_COUNTS} FROM functions WHERE {_UNDER}"
COUNT_FUNCTION_LOGS_UNDER = f"{_COUNTS} FROM function_logs WHERE {_UNDER}"
COUNT_FUNCTION_EVENTS_UNDER = f"{_COUNTS} FROM function_events WHERE {_UNDER}"
COUNT_WEBHOOKS_UNDER = f"{_COUNTS} FROM webhooks WHERE {_UNDER}"
RESEAL_ACCESS_KEY = "UPDATE access_keys SET keyset_id = :keyset_id, ciphertext = :ciphertext WHERE id = :id"

ADD_ROTATION = (
    "INSERT INTO rotations (secret_key, token, purpose, state, step, failures, due_at, opens_at, closes_at, started_at,"
    " ended_at, reason, epoch, acted, replaced, origin, saved_at, target, deadline_at) VALUES (:secret_key, :token,"
    " :purpose, :state, :step, :failures, :due_at, :opens_at, :closes_at, :started_at, :ended_at, :reason, :epoch,"
    " :acted, :replaced, :origin, :saved_at, (SELECT target FROM versions WHERE secret_key = :secret_key"
    " AND id = :current), :closes_at) RETURNING id"
)
ROTATION = f"SELECT {ROTATION_COLUMNS} FROM rotations r WHERE id = :id"
ROTATION_OF_TOKEN = (
    f"SELECT {ROTATION_COLUMNS} FROM rotations r WHERE secret_key = :key AND token = :token ORDER BY id DESC LIMIT 1"
)
ROTATIONS_OPEN = (
    f"SELECT {ROTATION_COLUMNS} FROM rotations r WHERE secret_key = :key AND ended_at IS NULL AND state <> 'planned'"
)
ROTATIONS_ACTED = (  # told by ids and by ends: a rotation may be resumed after a later one has ended
    "WITH won AS (SELECT coalesce(max(id), 0) AS id, coalesce(max(ended_at), 0) AS ended_at FROM rotations"
    " WHERE secret_key = :key AND purpose = 'rotation' AND state = 'succeeded')"
    " SELECT DISTINCT r.token FROM rotations r CROSS JOIN won WHERE r.secret_key = :key AND r.purpose = 'rotation'"
    " AND r.token IS NOT NULL AND r.step <> 'createSecret'"
    " AND (r.ended_at IS NULL OR r.id >= won.id OR r.ended_at >= won.ended_at)"
)
_ROTATIONS_OF_ALL = (  # rotations first, for the newest are asked for: SQLite takes a CROSS JOIN as it stands
    f"SELECT {_SECRET}, {ROTATION_COLUMNS} FROM rotations r CROSS JOIN secrets s"
    " WHERE s.key = r.secret_key AND s.account = :account AND s.region = :region"
)
_IN_STATE = "CASE WHEN :state IS NULL THEN r.state <> 'planned' ELSE r.state = :state END"
_NEWEST = "r.id < :before ORDER BY r.id DESC LIMIT :limit"
_NEWEST_SORTED = "+r.id < :before ORDER BY +r.id DESC LIMIT :limit"  # few: found by another index
ROTATION_PAGE = f"{_ROTATIONS_OF_ALL} AND {_IN_STATE} AND {_NEWEST}"
ROTATION_PAGE_OF_SECRET = f"{_ROTATIONS_OF_ALL} AND r.secret_key = :key AND {_IN_STATE} AND {_NEWEST_SORTED}"
ROTATIONS_UNDER_WAY = f"{_ROTATIONS_OF_ALL} AND r.state = 'in-progress' AND {_NEWEST_SORTED}"
ROTATIONS_DUE = (
    f"SELECT {_SECRET}, {ROTATION_COLUMNS} FROM rotations r JOIN secrets s ON s.key = r.secret_key"
    " WHERE s.account = :account AND s.region = :region AND (:key IS NULL OR s.key = :key) AND r.id < :before"
    " AND r.due_at <= :until ORDER BY r.id DESC LIMIT :limit"
)
DROP_PLAN = "DELETE FROM rotations WHERE secret_key = :key AND state = 'planned'"
SAVE_ROTATION = (
    "UPDATE rotations SET token = :token, state = :state, step = :step, failures = :failures, due_at = :due_at,"
    " opens_at = :opens_at, closes_at = :closes_at, started_at = :started_at, ended_at = :ended_at, reason = :reason,"
    " acted = :acted, replaced = :replaced, saved_at = :saved_at"
)
SAVE_ROTATION_KEEPING = f"{SAVE_ROTATION} WHERE id = :id AND epoch = :epoch"
SAVE_ROTATION_RELEASING = f"{SAVE_ROTATION}, lease_owner = NULL, lease_until = NULL WHERE id = :id AND epoch = :epoch"
OVERRULE_ROTATION = f"{SAVE_ROTATION}, lease_owner = NULL, lease_until = NULL, epoch = epoch + 1 WHERE id = :id"
ADD_ATTEMPT = (
    "INSERT INTO attempts (rotation_id, step, number, started_at, ended_at, reason) VALUES (:rotation_id, :step,"
    " (SELECT count(*) + 1 FROM attempts WHERE rotation_id = :rotation_id AND step = :step), :started_at, :ended_at,"
    " :reason)"
)
ATTEMPTS = (
    "SELECT step, number, started_at, ended_at, reason FROM attempts"
    " WHERE rotation_id = :id ORDER BY started_at, number"
)

ACCESS_KEY = f"{_ACCESS_KEYS} WHERE k.id = :id"
ACCESS_KEY_OF_ROTATION_TOKEN = f"{_ACCESS_KEYS} WHERE k.rotation_token_hash = :hash"
ACCESS_KEYS_OF_IDENTITY = (
    f"{_ACCESS_KEYS} WHERE k.identity_key = :identity_key AND k.expires_at IS NULL ORDER BY k.created_at, k.id"
)
ACCESS_KEYS_OF_ROOT = (
    f"{_ACCESS_KEYS} WHERE k.account = :account AND k.identity_key IS NULL AND k.expires_at IS NULL"
    " ORDER BY k.created_at, k.id"
)
ADD_ACCESS_KEY = (
    "INSERT INTO access_keys (id, account, principal_arn, keyset_id, ciphertext, created_at, expires_at,"
    " session_token_hash, rotation_token_hash, grant_secret, grant_token, grant_admin, identity_key, active, session)"
    " VALUES (:id, :account, :principal_arn, :keyset_id, :ciphertext, :created_at, :expires_at, :session_token_hash,"
    " :rotation_token_hash, :grant_secret, :grant_token, :grant_admin, :identity_key, :active, :session)"
)
SET_ACCESS_KEY_ACTIVE = "UPDATE access_keys SET active = :active WHERE id = :id"
DROP_ACCESS_KEY = "DELETE FROM access_keys WHERE id = :id"
NOTE_KEY_USE = (
    "UPDATE access_keys SET used_at = :used_at, used_service = :service, used_region = :region WHERE id = :id"
)
ACCESS_KEY_OF_ACCOUNT = "SELECT 1 FROM access_keys WHERE account = :account LIMIT 1"
ACCESS_KEY_OF_PRINCIPAL = "SELECT 1 FROM access_keys WHERE principal_arn = :arn LIMIT 1"
DROP_SESSIONS = "DELETE FROM access_keys WHERE grant_secret = :secret OR expires_at < :expired"
DROP_EXPIRED = "DELETE FROM access_keys WHERE expires_at < :expired"
DROP_SESSIONS_OF = "DELETE FROM access_keys WHERE identity_key = :identity_key AND expires_at IS NOT NULL"

IDENTITY = (
    f"SELECT {_IDENTITY} FROM identities i WHERE account = :account AND kind = :kind AND lower(name) = lower(:name)"
)
IDENTITIES = f"SELECT {_IDENTITY} FROM identities i WHERE account = :account AND kind = :kind ORDER BY name"
ADD_IDENTITY = (
    "INSERT INTO identities (account, kind, name, id, created_at, tags, trust, longest_session)"
    " VALUES (:account, :kind, :name, :id, :created_at, :tags, :trust, :longest_session) RETURNING key"
)
SAVE_IDENTITY = (
    "UPDATE identities SET tags = :tags, trust = :trust, longest_session = :longest_session WHERE key = :key"
)
DROP_IDENTITY = "DELETE FROM identities WHERE key = :key"
DOCUMENTS_OF = (
    "SELECT p.name, p.document FROM attachments a JOIN identity_policies p ON p.key = a.policy_key"
    " WHERE a.identity_key = :identity_key ORDER BY p.name"
)
ATTACH_POLICY = (
    "INSERT INTO attachments (identity_key, policy_key)"
    " SELECT :identity_key, key FROM identity_policies WHERE account = :account AND name = :name"
    " ON CONFLICT (identity_key, policy_key) DO NOTHING"
)
DETACH_POLICY = (
    "DELETE FROM attachments WHERE identity_key = :identity_key"
    " AND policy_key = (SELECT key FROM identity_policies WHERE account = :account AND name = :name)"
)
IDENTITY_POLICY = (
    f"SELECT {_IDENTITY_POLICY} FROM identity_policies p WHERE account = :account AND lower(name) = lower(:name)"
)
IDENTITY_POLICIES = f"SELECT {_IDENTITY_POLICY} FROM identity_policies p WHERE account = :account ORDER BY name"
ADD_IDENTITY_POLICY = (
    "INSERT INTO identity_policies (account, name, document, created_at, changed_at)"
    " VALUES (:account, :name, :document, :created_at, :changed_at)"
)
SAVE_IDENTITY_POLICY = (
    "UPDATE identity_policies SET document = :document, changed_at = :changed_at"
    " WHERE account = :account AND name = :name"
)
DROP_IDENTITY_POLICY = "DELETE FROM identity_policies WHERE account = :account AND name = :name"
ATTACHED_TO = (
    f"SELECT {_IDENTITY} FROM attachments a JOIN identity_policies p ON p.key = a.policy_key"
    " JOIN identities i ON i.key = a.identity_key WHERE p.account = :account AND p.name = :name ORDER BY i.kind, i.name"
)

POLICY = "SELECT document FROM policies WHERE secret_key = :key AND name = :name"
POLICY_NAMES = "SELECT name FROM policies WHERE secret_key = :key ORDER BY name"
PUT_POLICY = (
    "INSERT INTO policies (secret_key, name, document) VALUES (:key, :name, :document)"
    " ON CONFLICT (secret_key, name) DO UPDATE SET document = excluded.document"
)
DROP_POLICY = "DELETE FROM policies WHERE secret_key = :key AND name = :name"

_NAMED_FUNCTION = "account = :account AND region = :region AND name = :name"
_FUNCTION_KEY = f"(SELECT key FROM functions WHERE {_NAMED_FUNCTION})"
FUNCTION = f"SELECT {_FUNCTION} FROM functions f WHERE {_NAMED_FUNCTION}"
FUNCTION_KEYED = f"SELECT {_FUNCTION} FROM functions f WHERE key = :key"
FUNCTIONS = (
    f"SELECT {_FUNCTION} FROM functions f WHERE account = :account AND region = :region AND name > :after"
    " ORDER BY name LIMIT :limit"
)
FUNCTION_ENVIRONMENT = f"SELECT ciphertext, keyset_id FROM functions WHERE {_NAMED_FUNCTION}"
PUT_FUNCTION = (
    "INSERT INTO functions (account, region, name, runtime, handler, timeout, memory, code_sha256, code_bytes,"
    " revision, modified_at, role, description, layers, remote, policy, tags, keyset_id, ciphertext)"
    " VALUES (:account, :region, :name, :runtime, :handler, :timeout, :memory, :code_sha256, :code_bytes, :revision,"
    " :modified_at, :role, :description, :layers, :remote, :policy, :tags, :keyset_id, :ciphertext)"
    " ON CONFLICT (account, region, name) DO UPDATE SET runtime = excluded.runtime, handler = excluded.handler,"
    " timeout = excluded.timeout, memory = excluded.memory, code_sha256 = excluded.code_sha256,"
    " code_bytes = excluded.code_bytes, revision = excluded.revision, modified_at = excluded.modified_at,"
    " role = excluded.role, description = excluded.description, layers = excluded.layers, remote = excluded.remote,"
    " policy = excluded.policy, tags = excluded.tags, keyset_id = excluded.keyset_id,"
    " ciphertext = excluded.ciphertext"
)
DROP_FUNCTION = f"DELETE FROM functions WHERE {_NAMED_FUNCTION}"
FUNCTION_CODE = "SELECT zip FROM function_code WHERE sha256 = :sha256"
KEEP_FUNCTION_CODE = "INSERT INTO function_code (sha256, zip) VALUES (:sha256, :zip) ON CONFLICT (sha256) DO NOTHING"
DROP_UNUSED_CODE = "DELETE FROM function_code WHERE sha256 NOT IN (SELECT code_sha256 FROM functions)"
ADD_FUNCTION_LOG = (
    "INSERT INTO function_logs (function_key, request_id, logged_at, keyset_id, ciphertext)"
    f" SELECT key, :request_id, :logged_at, :keyset_id, :ciphertext FROM functions WHERE {_NAMED_FUNCTION}"
)
TRIM_FUNCTION_LOGS = (  # what is too old, and what lies behind the newest entries that fit
    f"DELETE FROM function_logs WHERE function_key = {_FUNCTION_KEY} AND (logged_at < :oldest OR id IN"
    " (SELECT id FROM (SELECT id, sum(length(ciphertext)) OVER (ORDER BY logged_at DESC, id DESC) AS size"
    f" FROM function_logs WHERE function_key = {_FUNCTION_KEY}) AS sized WHERE size > :most))"
)
FUNCTION_LOGS = (
    "SELECT request_id, logged_at, ciphertext, keyset_id FROM function_logs"
    f" WHERE function_key = {_FUNCTION_KEY} AND logged_at >= :since ORDER BY logged_at DESC, id DESC LIMIT :limit"
)
ADD_FUNCTION_EVENT = (
    "INSERT INTO function_events (function_key, request_id, accepted_at, due_at, keyset_id, ciphertext)"
    f" SELECT key, :request_id, :now, :now, :keyset_id, :ciphertext FROM functions WHERE {_NAMED_FUNCTION}"
)
COUNT_FUNCTION_EVENTS = f"SELECT count(*) FROM function_events WHERE function_key = {_FUNCTION_KEY}"
FUNCTION_EVENTS_DUE = f"SELECT 1 FROM function_events WHERE due_at <= :now AND {RUNNING} LIMIT 1"
CLAIM_FUNCTION_EVENT = (
    "UPDATE function_events SET attempts = attempts + 1, due_at = :now + :margin +"
    " (SELECT timeout FROM functions f WHERE f.key = function_key) WHERE id ="
    f" (SELECT id FROM function_events WHERE due_at <= :now AND {RUNNING} ORDER BY due_at, id LIMIT 1)"
    f" RETURNING {_EVENT}"
)
POSTPONE_FUNCTION_EVENT = "UPDATE function_events SET due_at = :due WHERE id = :id AND attempts = :attempts"
DROP_FUNCTION_EVENT = "DELETE FROM function_events WHERE id = :id AND attempts = :attempts"

_WEBHOOK = "account, region, name, url, kinds, created_at, due_at, epoch, failures, reason, key"
_NAMED_WEBHOOK = "account = :account AND region = :region AND name = :name"
WEBHOOK = f"SELECT {_WEBHOOK} FROM webhooks WHERE {_NAMED_WEBHOOK}"
WEBHOOKS = f"SELECT {_WEBHOOK} FROM webhooks WHERE account = :account AND region = :region ORDER BY name"
WEBHOOK_SEALED = "SELECT ciphertext, keyset_id FROM webhooks WHERE key = :key"
PUT_WEBHOOK = (
    "INSERT INTO webhooks (account, region, name, url, kinds, created_at, keyset_id, ciphertext)"
    " VALUES (:account, :region, :name, :url, :kinds, :created_at, :keyset_id, :ciphertext)"
    " ON CONFLICT (account, region, name) DO UPDATE SET url = excluded.url, kinds = excluded.kinds,"
    " keyset_id = excluded.keyset_id, ciphertext = excluded.ciphertext, failures = 0, reason = NULL,"
    " due_at = CASE WHEN webhooks.due_at IS NULL THEN NULL ELSE excluded.created_at END"
)
DROP_WEBHOOK = f"DELETE FROM webhooks WHERE {_NAMED_WEBHOOK}"
_STALE_WEBHOOKS = f"SELECT account, region, name, key, ciphertext, keyset_id FROM webhooks WHERE {_UNDER} AND {_SEAL}"
STALE_WEBHOOKS = f"{_STALE_WEBHOOKS} < :prefix UNION ALL {_STALE_WEBHOOKS} > :prefix LIMIT :limit"
RESEAL_WEBHOOK = f"UPDATE webhooks {_RESEALED} WHERE key = :key"
ADD_NEWS = "INSERT INTO news (webhook_key, event_id, told_at, body) VALUES (:webhook_key, :event_id, :now, :body)"
WEBHOOK_DUE = "UPDATE webhooks SET due_at = :now WHERE key = :key AND due_at IS NULL"
WEBHOOKS_DUE = f"SELECT 1 FROM webhooks WHERE due_at <= :now AND {RUNNING} LIMIT 1"
CLAIM_WEBHOOK = (
    "UPDATE webhooks SET due_at = :until, epoch = epoch + 1 WHERE key ="
    f" (SELECT key FROM webhooks WHERE due_at <= :now AND {RUNNING} ORDER BY due_at, key LIMIT 1) RETURNING {_WEBHOOK}"
)
NEWS_OF = "SELECT id, event_id, told_at, body FROM news WHERE webhook_key = :key ORDER BY id LIMIT :limit"
COUNT_FAILING_WEBHOOKS = "SELECT count(*) FROM webhooks WHERE failures > 0"
COUNT_NEWS = "SELECT count(*) FROM news WHERE webhook_key = :key"
DROP_NEWS = "DELETE FROM news WHERE webhook_key = :key AND id <= :id"
DROP_OLD_NEWS = "DELETE FROM news WHERE webhook_key = :key AND told_at < :oldest"
SETTLE_WEBHOOK = (
    "UPDATE webhooks SET failures = :failures, reason = :reason, due_at = CASE WHEN EXISTS"
    " (SELECT 1 FROM news WHERE webhook_key = :key) THEN :due END WHERE key = :key AND epoch = :epoch"
)

_MISSED = "deadline_at <= :now AND ended_at IS NULL AND overdue_at IS NULL AND purpose = 'rotation'"
MISSED = f"SELECT 1 FROM rotations WHERE {_MISSED} LIMIT 1"
MARK_OVERDUE = (
    f"UPDATE rotations SET overdue_at = :now WHERE id IN (SELECT id FROM rotations WHERE {_MISSED}"
    f" ORDER BY deadline_at, id LIMIT :limit) RETURNING {ROTATION_COLUMNS.replace('r.', '')}"
)
COUNT_OVERDUE = "SELECT count(*) FROM rotations WHERE overdue_at IS NOT NULL AND ended_at IS NULL"
COUNT_TAKEN_OVER = "SELECT coalesce(sum(taken_over), 0) FROM rotations WHERE taken_over > 0"
# Kept however old: the last that succeeded and all since, which say what a target may have (ROTATIONS_ACTED).
_FORGETTABLE = (
    "SELECT r.id FROM rotations r WHERE r.ended_at < :before AND EXISTS (SELECT 1 FROM rotations w"
    " WHERE w.secret_key = r.secret_key AND w.purpose = 'rotation' AND w.state = 'succeeded' AND w.id > r.id"
    " AND w.ended_at > r.ended_at)"
)
FORGETTABLE = f"{_FORGETTABLE} LIMIT 1"
FORGET_ROTATIONS = f"DELETE FROM rotations WHERE id IN ({_FORGETTABLE} LIMIT :limit)"
OLDEST_CREDENTIAL = "SELECT credential_at FROM secrets WHERE credential_at IS NOT NULL ORDER BY credential_at LIMIT 1"

LACKING_TARGETS = (
    "SELECT v.secret_key, s.arn, v.id, v.ciphertext, v.keyset_id FROM versions v JOIN secrets s ON s.key = v.secret_key"
    " WHERE (v.secret_key, v.id) > (:key, :version) AND v.target IS NULL AND v.ciphertext IS NOT NULL"
    " ORDER BY v.secret_key, v.id LIMIT :limit"
)
FILL_TARGET = "UPDATE versions SET target = :target WHERE secret_key = :key AND id = :version"
FILL_ROTATIONS_TARGET = (
    "UPDATE rotations SET target = :target WHERE secret_key = :key AND target IS NULL AND ended_at IS NULL"
    " AND :version = (SELECT s.labels ->> :label FROM secrets s WHERE s.key = :key)"
)

CHECKS_OF_SECRET = "SELECT checks FROM checks WHERE secret_key = :key"
CHECKS_OF_TAGS = (
    "SELECT tag_key, tag_value, checks FROM checks WHERE account = :account AND region = :region"
    " AND secret_key IS NULL ORDER BY tag_key, tag_value"
)
CHECKS_OF_SECRETS = (
    "SELECT s.name, c.checks FROM checks c JOIN secrets s ON s.key = c.secret_key"
    " WHERE c.account = :account AND c.region = :region ORDER BY s.name"
)
DROP_CHECKS_OF_SECRET = "DELETE FROM checks WHERE secret_key = :secret_key"
DROP_CHECKS_OF_TAG = (
    "DELETE FROM checks WHERE account = :account AND region = :region AND secret_key IS NULL AND tag_key = :tag_key"
    " AND tag_value = :tag_value"
)
ADD_CHECKS = (
    "INSERT INTO checks (account, region, secret_key, tag_key, tag_value, checks)"
    " VALUES (:account, :region, :secret_key, :tag_key, :tag_value, :checks)"
)
HOLD = "SELECT checks, since_at, position, passed FROM holds WHERE rotation_id = :id"
PUT_HOLD = (
    "INSERT INTO holds (rotation_id, checks, since_at, position, passed)"
    " VALUES (:id, :checks, :since_at, :position, :passed) ON CONFLICT (rotation_id) DO UPDATE"
    " SET since_at = excluded.since_at, position = excluded.position, passed = excluded.passed"
)
