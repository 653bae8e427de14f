-- name: select
SELECT id, use_case, as_of, state, model, run_id, population, scored, rows, quarantined, started_at, published_at,
       incremental, base_commit
FROM nightjar.commit

-- name: open_of_night
SELECT id, run_id, model FROM nightjar.commit WHERE use_case = %s AND as_of = %s AND state = 'open' FOR UPDATE

-- name: insert
INSERT INTO nightjar.commit (use_case, as_of, state, model_id, model, snapshot, code_version, run_id, incremental)
VALUES (%(use_case)s, %(as_of)s, 'open', %(model_id)s, %(model)s, %(snapshot)s, %(code_version)s, %(run_id)s,
        %(incremental)s)
RETURNING id

-- name: end_open
UPDATE nightjar.commit SET state = %s WHERE id = %s AND state = 'open'

-- name: open_of_run
SELECT id FROM nightjar.commit WHERE use_case = %s AND as_of = %s AND run_id = %s AND state = 'open'

-- name: wait_exclusive
SELECT pg_advisory_xact_lock(hashtext('nightjar commit'), %s::integer)

-- name: idle
SELECT id FROM nightjar.commit c
WHERE state = 'open'
  AND greatest(started_at, (SELECT max(scored_at) FROM nightjar.shard WHERE commit_id = c.id))
      < clock_timestamp() - %s * interval '1 hour'
ORDER BY id

-- name: try_exclusive
SELECT pg_try_advisory_xact_lock(hashtext('nightjar commit'), %s::integer) AS free

-- name: try_shared
SELECT pg_try_advisory_xact_lock_shared(hashtext('nightjar commit'), %s::integer) AS free

-- name: stage_alone
SELECT pg_advisory_xact_lock(hashtext('nightjar staging'), %s::integer)

-- name: use_staging
SELECT pg_advisory_xact_lock_shared(hashtext('nightjar staging'), %s::integer)

-- name: plan_shards
WITH entities AS MATERIALIZED (
    SELECT {key} AS key, count(*) AS rows FROM {features} GROUP BY 1
), size AS (
    SELECT sum(rows) AS rows, ceil(sum(rows) / {shard_rows}) AS shards FROM entities
), planned AS (
    INSERT INTO nightjar.shard (commit_id, ordinal, low_key, high_key, planned_rows)
    SELECT {commit}, ordinal, min(key), max(key), sum(rows)
    FROM (
        SELECT key, entities.rows,
               floor((sum(entities.rows) OVER (ORDER BY key) - 1) * size.shards / size.rows)::integer AS ordinal
        FROM entities CROSS JOIN size
    ) placed
    GROUP BY ordinal
)
UPDATE nightjar.commit
SET population = (SELECT count(*) FROM entities)
               + (SELECT count(*) FROM nightjar.quarantine WHERE commit_id = {commit})
WHERE id = {commit}

-- name: shards
SELECT ordinal, low_key, high_key, planned_rows, scored_at FROM nightjar.shard WHERE commit_id = %s ORDER BY ordinal

-- name: planned
SELECT sum(planned_rows)::bigint AS rows FROM nightjar.shard WHERE commit_id = %s

-- name: lock_shard
SELECT ordinal, low_key, high_key, planned_rows, scored_at
FROM nightjar.shard WHERE commit_id = %s AND ordinal = %s FOR UPDATE

-- name: finish_shard
UPDATE nightjar.shard
SET scored = %(scored)s, rows = %(rows)s, quarantined = %(quarantined)s, taken_over = %(taken_over)s,
    engine = %(engine)s,
    scored_at = clock_timestamp()
WHERE commit_id = %(commit_id)s AND ordinal = %(ordinal)s

-- name: totals
SELECT count(*) AS shards, count(scored_at) AS finished, coalesce(sum(scored), 0) AS scored,
       coalesce(sum(rows), 0) AS rows,
       (SELECT count(*) FROM nightjar.quarantine WHERE commit_id = %(commit_id)s) AS quarantined
FROM nightjar.shard WHERE commit_id = %(commit_id)s

-- name: lock_commit
SELECT state FROM nightjar.commit WHERE id = %s FOR NO KEY UPDATE

-- name: supersede
UPDATE nightjar.commit SET state = 'superseded'
WHERE state = 'published' AND (use_case, as_of) = (SELECT use_case, as_of FROM nightjar.commit WHERE id = %s)

-- name: publish
UPDATE nightjar.commit
SET state = 'published', published_at = clock_timestamp(), scored = %(scored)s, rows = %(rows)s,
    quarantined = %(quarantined)s
WHERE id = %(id)s AND state = 'open'

-- name: point_readers
INSERT INTO nightjar.publication (use_case, commit_id, as_of, model, published_at)
SELECT use_case, id, as_of, model, published_at FROM nightjar.commit WHERE id = %s
ON CONFLICT (use_case) DO UPDATE
SET commit_id = excluded.commit_id, as_of = excluded.as_of, model = excluded.model,
    published_at = excluded.published_at
WHERE excluded.as_of >= nightjar.publication.as_of

-- name: lock_shown
SELECT commit_id, as_of FROM nightjar.publication WHERE use_case = %s FOR UPDATE

-- name: night_before
SELECT id FROM nightjar.commit WHERE use_case = %s AND as_of < %s AND state = 'published' ORDER BY as_of DESC LIMIT 1

-- name: send_readers
UPDATE nightjar.publication p
SET commit_id = c.id, as_of = c.as_of, model = c.model, published_at = c.published_at
FROM nightjar.commit c WHERE c.id = %s AND c.use_case = p.use_case

-- name: record_reversion
INSERT INTO nightjar.reversion (use_case, from_commit, to_commit, reason, actor) VALUES (%s, %s, %s, %s, %s)

-- name: lineage
SELECT c.use_case, c.as_of, c.id AS commit_id, c.run_id, c.code_version, c.started_at, c.published_at,
       s.ordinal AS shard, s.engine, c.model, m.algorithm, m.owner AS trained_by, m.trained_in, m.as_of AS trained_as_of,
       c.snapshot, m.code_version AS trained_with_code, m.sha256
FROM nightjar.commit c JOIN nightjar.model_version m ON m.id = c.model_id
LEFT JOIN nightjar.shard s ON s.commit_id = c.id AND %(number)s::bigint BETWEEN s.low_key AND s.high_key
WHERE c.id = %(commit)s

-- name: expired
SELECT id FROM nightjar.commit c
WHERE use_case = %(use_case)s AND state <> 'open'
  AND id <> ALL (SELECT commit_id FROM nightjar.publication)
  AND (state <> 'published' OR as_of NOT IN (
      SELECT as_of FROM nightjar.commit WHERE use_case = %(use_case)s AND state = 'published'
      ORDER BY as_of DESC LIMIT %(nights)s))

-- name: last_night
-- What readers see, or, where that is of a later date, the newest published night up to this one.
SELECT c.id, c.as_of, c.model, c.rows,
       (SELECT coalesce(sum(s.planned_rows), 0) FROM nightjar.shard s WHERE s.commit_id = c.id)::bigint AS feature_rows
FROM nightjar.publication p JOIN nightjar.commit c ON c.use_case = p.use_case AND c.as_of <= p.as_of
WHERE p.use_case = %s AND c.state = 'published' AND c.as_of <= %s
ORDER BY c.as_of DESC LIMIT 1

-- name: nights_after
SELECT DISTINCT as_of FROM nightjar.commit WHERE use_case = %s AND state = 'published' AND as_of > %s

-- name: record_stage
INSERT INTO nightjar.commit_stage (commit_id, stage, seconds) VALUES (%s, %s, %s)
ON CONFLICT (commit_id, stage) DO UPDATE SET seconds = nightjar.commit_stage.seconds + excluded.seconds

-- name: closed_with_staging
SELECT id FROM nightjar.commit c
WHERE state <> 'open' AND to_regclass('nightjar_store.features_' || id) IS NOT NULL
  -- What an incremental night was made of is compared with the next one.
  AND NOT (incremental AND EXISTS (SELECT FROM nightjar.publication p WHERE p.commit_id = c.id))
