-- name: champions
SELECT a.use_case,
       m.name || '@' || m.version AS model,
       m.algorithm,
       m.test_scores,
       move.moved_at AS since,
       move.actor AS moved_by,
       move.reason
FROM nightjar.alias a
JOIN nightjar.model_version m ON m.id = a.model_id
LEFT JOIN LATERAL (
    SELECT l.moved_at, l.actor, l.reason
    FROM nightjar.alias_move l
    WHERE l.use_case = a.use_case AND l.alias = a.alias
    ORDER BY l.id DESC
    LIMIT 1
) move ON true
WHERE a.alias = 'champion'
ORDER BY a.use_case

-- name: freshness
SELECT use_case, as_of, published_at AS published, model, rows, quarantined, stale, stale_reason
FROM predictions.freshness
ORDER BY use_case

-- name: recent_commits
SELECT commit_id AS id, use_case, as_of, state, model, rows, quarantined,
       started_at AS started, published_at AS published, seconds::float8 AS seconds
FROM (
    SELECT c.*, row_number() OVER (PARTITION BY c.use_case ORDER BY c.commit_id DESC) AS place
    FROM predictions.commits c
) newest_first
WHERE place <= %(limit)s
ORDER BY use_case, place

-- name: challengers
SELECT a.use_case,
       m.name || '@' || m.version AS model,
       m.algorithm,
       m.as_of,
       m.created_at AS created,
       m.test_scores,
       d.passed,
       coalesce(d.reasons, '{}') AS reasons,
       d.metric,
       d.model_score,
       d.champion,
       d.champion_score,
       d.gain_low,
       d.gain_high,
       d.decided_at AS decided
FROM nightjar.alias a
JOIN nightjar.model_version m ON m.id = a.model_id
LEFT JOIN LATERAL (
    SELECT *
    FROM nightjar.decision latest
    WHERE latest.model_id = m.id
    ORDER BY latest.id DESC
    LIMIT 1
) d ON true
WHERE a.alias = 'challenger'
ORDER BY a.use_case
