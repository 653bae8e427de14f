-- name: select
SELECT m.*, ARRAY(SELECT alias FROM nightjar.alias a WHERE a.model_id = m.id ORDER BY alias) AS aliases
FROM nightjar.model_version m

-- name: of_name
WHERE m.name = %s AND m.version = %s

-- name: of_alias
WHERE m.id = (SELECT model_id FROM nightjar.alias WHERE use_case = %s AND alias = %s)

-- name: of_use_case
WHERE %(use_case)s::text IS NULL OR m.use_case = %(use_case)s ORDER BY m.name, m.version

-- name: insert_model
INSERT INTO nightjar.model_version (
    name, version, use_case, kind, algorithm, snapshot, train_split, test_split,
    snapshot_id, train_split_id, test_split_id, as_of, training_query,
    processed_rows, discarded_rows, preprocess_seconds, fit_seconds, iterations, output_type, hyperparameters,
    coefficients, training_scores, test_scores, signature, details, environment, code_version, form, sha256,
    trained_in, journey, owner, created_at, imported_at)
VALUES (
    %(name)s, %(version)s, %(use_case)s, %(kind)s, %(algorithm)s, %(snapshot)s, %(train_split)s, %(test_split)s,
    (SELECT id FROM nightjar.snapshot WHERE full_name = %(snapshot)s AND state <> 'purged'),
    (SELECT id FROM nightjar.snapshot WHERE full_name = %(train_split)s AND state <> 'purged'),
    (SELECT id FROM nightjar.snapshot WHERE full_name = %(test_split)s AND state <> 'purged'), %(as_of)s,
    %(training_query)s, %(processed_rows)s, %(discarded_rows)s, %(preprocess_seconds)s, %(fit_seconds)s, %(iterations)s, %(output_type)s, %(hyperparameters)s, %(coefficients)s,
    %(training_scores)s, %(test_scores)s, %(signature)s, %(details)s, %(environment)s, %(code_version)s, %(form)s, %(sha256)s,
    %(trained_in)s, %(journey)s,
    coalesce(nullif(%(owner)s, ''), nightjar.given_actor()), coalesce(%(created_at)s, clock_timestamp()), %(imported_at)s)
RETURNING id

-- name: insert_segments
INSERT INTO nightjar.segment (model_id, segment_id, name, description, share, stability, profile, distinguishing)
SELECT %(model_id)s, (s->>'id')::integer, s->>'name', s->>'description', (s->>'share')::double precision,
       (s->>'stability')::double precision, s->'profile', coalesce(s->'distinguishing', '[]')
FROM jsonb_array_elements(%(details)s::jsonb->'segments') s

-- name: insert_trial
INSERT INTO nightjar.trial (model_id, place, algorithm, parameters, metric, score, spread, stability, folds, rows,
                            fit_seconds, failure)
VALUES (%(model_id)s, %(place)s, %(algorithm)s, %(parameters)s, %(metric)s, %(score)s, %(spread)s, %(stability)s, %(folds)s,
        %(rows)s, %(fit_seconds)s, %(failure)s)

-- name: insert_decision
INSERT INTO nightjar.decision (model_id, champion, metric, model_score, champion_score, gain_low, gain_high, passed,
                               reasons)
VALUES (%(model_id)s, %(champion)s, %(metric)s, %(model_score)s, %(champion_score)s, %(gain_low)s, %(gain_high)s,
        %(passed)s, %(reasons)s)

-- name: insert_artifact
INSERT INTO nightjar.artifact (sha256, format, byte_count) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING

-- name: insert_chunk
INSERT INTO nightjar.artifact_chunk (sha256, ordinal, data) VALUES (%s, %s, %b)

-- name: chunk
SELECT data FROM nightjar.artifact_chunk WHERE sha256 = %s AND ordinal = %s

-- name: artifact_size
SELECT a.byte_count, octet_length(c.data) AS chunk_bytes
FROM nightjar.artifact a JOIN nightjar.artifact_chunk c ON c.sha256 = a.sha256 AND c.ordinal = 0 WHERE a.sha256 = %s

-- name: next_version
SELECT coalesce(max(version), 0) + 1 AS version FROM nightjar.model_event WHERE name = %s

-- name: names
SELECT name, version FROM nightjar.model_version ORDER BY name, version

-- name: dropped
SELECT happened_at, actor, reason
FROM nightjar.model_event WHERE name = %s AND version = %s AND event = 'dropped'

-- name: events
SELECT happened_at, actor, login, event, model, use_case, reason, details
FROM nightjar.model_event WHERE %(use_case)s::text IS NULL OR use_case = %(use_case)s ORDER BY id DESC

-- name: explain_change
SELECT set_config('nightjar.actor', %(actor)s, true), set_config('nightjar.reason', %(reason)s, true)

-- name: trials
SELECT algorithm, parameters, metric, score, spread, stability, folds, rows, fit_seconds, failure
FROM nightjar.trial WHERE model_id = %s ORDER BY place

-- name: decisions
SELECT champion, metric, model_score, champion_score, gain_low, gain_high, passed, reasons
FROM nightjar.decision WHERE model_id = %s ORDER BY id

-- name: aliases_of
SELECT alias, use_case FROM nightjar.alias WHERE model_id = %s ORDER BY use_case, alias

-- name: nights_of
SELECT use_case, state, count(DISTINCT as_of) AS nights, min(as_of) AS first, max(as_of) AS last
FROM nightjar.commit WHERE model_id = %s GROUP BY use_case, state ORDER BY use_case, state

-- name: artifacts_of
SELECT sha256 FROM nightjar.model_version WHERE id = %(id)s
UNION SELECT sha256 FROM nightjar.serving_model WHERE model_id = %(id)s

-- name: delete_model
DELETE FROM nightjar.model_version WHERE id = %s

-- name: delete_artifacts_unless_used
DELETE FROM nightjar.artifact a
WHERE sha256 = ANY (%s)
  AND NOT EXISTS (SELECT FROM nightjar.model_version m WHERE m.sha256 = a.sha256)
  AND NOT EXISTS (SELECT FROM nightjar.serving_model s WHERE s.sha256 = a.sha256)

-- name: set_alias
INSERT INTO nightjar.alias (use_case, alias, model_id) VALUES (%(use_case)s, %(alias)s, %(model_id)s)
ON CONFLICT (use_case, alias) DO UPDATE SET model_id = excluded.model_id

-- name: history
SELECT use_case, alias, model, previous, reason, actor, moved_at
FROM nightjar.alias_move WHERE use_case = %s AND alias = %s ORDER BY id DESC

-- name: periods
SELECT use_case, alias, model, since, until, actor, reason
FROM nightjar.alias_period WHERE use_case = %s AND alias = %s ORDER BY since

-- name: champions_by_training_date
SELECT m.name, m.version, m.as_of
FROM nightjar.model_version m
WHERE m.use_case = %(use_case)s AND EXISTS (
    SELECT FROM nightjar.alias_move a
    WHERE a.use_case = m.use_case AND a.alias = 'champion' AND a.model = m.name || '@' || m.version)
ORDER BY m.as_of DESC, m.version DESC

-- name: lock_name
SELECT pg_advisory_xact_lock(hashtext('nightjar alias'), hashtext(%s))

-- name: insert_serving
INSERT INTO nightjar.serving_model (model_id, sha256, opset, trees_opset, rows, largest_difference, tolerance,
                                    full_seconds, serving_seconds)
VALUES (%(model_id)s, %(sha256)s, %(opset)s, %(trees_opset)s, %(rows)s, %(largest_difference)s, %(tolerance)s,
        %(full_seconds)s, %(serving_seconds)s)

-- name: find_serving
SELECT sha256, rows, largest_difference, tolerance, full_seconds, serving_seconds
FROM nightjar.serving_model WHERE model_id = %s

-- name: insert_sample
INSERT INTO nightjar.parity_sample (model_id, sample) VALUES (%s, %s)

-- name: find_sample
SELECT sample FROM nightjar.parity_sample WHERE model_id = %s

-- name: trust_file
INSERT INTO nightjar.trusted_file (sha256, comment) VALUES (%s, %s) ON CONFLICT DO NOTHING

-- name: is_trusted
SELECT FROM nightjar.trusted_file WHERE sha256 = %s
