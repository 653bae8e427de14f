-- name: find_job
SELECT FROM nightjar.transfer_job WHERE name = %s

-- name: insert_job
INSERT INTO nightjar.transfer_job (name, direction, mode, bundle, models, source, target, bytes, parts, key_id, parity,
                                   actor, started_at)
VALUES (%(name)s, %(direction)s, %(mode)s, %(bundle)s, %(models)s, %(source)s, %(target)s, %(bytes)s, %(parts)s,
        %(key_id)s, %(parity)s, %(actor)s, %(started_at)s)

-- name: jobs
SELECT name, direction, mode, bundle, models, source, target, bytes, parts, key_id, parity, actor, started_at,
       finished_at
FROM nightjar.transfer_job ORDER BY id DESC

-- name: serialise_imports
SELECT pg_advisory_xact_lock(hashtext('nightjar import'))

-- name: delete_model
DELETE FROM nightjar.model_version WHERE id = %s

-- name: replacing
SELECT set_config('nightjar.replacing', %s, true)

-- name: become_owner
SET LOCAL ROLE nightjar_owner

-- name: become_deployer
SET LOCAL ROLE nightjar_deployer
