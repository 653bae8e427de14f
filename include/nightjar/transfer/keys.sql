-- name: trust_key
INSERT INTO nightjar.trusted_key (key_id, public_key, reason) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING

-- name: revoke_key
UPDATE nightjar.trusted_key
SET revoked_by = session_user, revoked_at = clock_timestamp(), revoke_reason = %s
WHERE key_id = %s AND revoked_at IS NULL

-- name: keys
SELECT key_id, reason, trusted_by, trusted_at, revoked_by, revoked_at, revoke_reason
FROM nightjar.trusted_key ORDER BY trusted_at

-- name: find_key
SELECT public_key, revoked_at, revoked_by, revoke_reason FROM nightjar.trusted_key WHERE key_id = %s
