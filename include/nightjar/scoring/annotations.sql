-- name: store_reasons
INSERT INTO {table} (commit_id, {keys}, {columns})
WITH features AS NOT MATERIALIZED (
    SELECT * FROM {staged}
), night AS MATERIALIZED (
    SELECT * FROM {stored} s WHERE s.commit_id = {commit}
), given AS (
{reasons}
)
SELECT {commit}, {keys}, array_agg(given.reason::text ORDER BY night.rank){and_tenants}
FROM night {and_features} LEFT JOIN given USING ({pair})
GROUP BY {keys}

-- name: store_tenants
INSERT INTO {table} (commit_id, {keys}, {columns})
SELECT {commit}, {keys}, {tenants}
FROM {staged} features
GROUP BY {keys}

-- name: torn_entity
SELECT {keys} FROM {staged}
GROUP BY {keys}
HAVING count(DISTINCT {tenant}) + (count({tenant}) BETWEEN 1 AND count(*) - 1)::integer > 1
LIMIT 1

-- name: more_reasons_than_rows
SELECT {keys}
FROM {table} a
JOIN (SELECT {keys}, count(*) AS rows FROM {stored} s WHERE s.commit_id = {commit} GROUP BY {keys}) night USING ({keys})
WHERE a.commit_id = {commit} AND cardinality(a.reasons) > night.rows
LIMIT 1
