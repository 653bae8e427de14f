-- name: base
SELECT p.commit_id AS id
FROM nightjar.publication p
JOIN nightjar.commit base ON base.id = p.commit_id
JOIN nightjar.commit this ON this.id = %(commit)s
WHERE p.use_case = %(use_case)s AND base.model_id = this.model_id AND base.code_version = this.code_version
  AND to_regclass('nightjar_store.features_' || base.id) IS NOT NULL

-- name: record_base
UPDATE nightjar.commit SET base_commit = %s WHERE id = %s

-- name: mark_unchanged
CREATE UNLOGGED TABLE {unchanged} AS
WITH entities AS (
    SELECT tonight.{number} AS number, {key}, count(*) AS rows, count(*) FILTER (WHERE {same_features}) AS same
    FROM {features} tonight LEFT JOIN {base_features} before USING ({row_key})
    GROUP BY tonight.{number}, {key}
), base_entities AS (
    SELECT {key}, count(*) AS rows FROM {base_features} GROUP BY {key}
)
SELECT entities.number AS nightjar_number
FROM entities JOIN base_entities USING ({key})
WHERE entities.rows = entities.same AND entities.rows = base_entities.rows
  AND EXISTS (SELECT FROM {predictions} stored WHERE stored.commit_id = {base} AND {same_entity})

-- name: take_over
WITH own AS MATERIALIZED (
    SELECT {number} AS number, {keys}, count(*) AS rows
    FROM {features}
    WHERE {shard} AND EXISTS (SELECT FROM {unchanged} WHERE nightjar_number = {number})
    GROUP BY {number}, {keys}
), taken AS (
    INSERT INTO {predictions} (commit_id, {columns})
    SELECT {commit}, {taken} FROM own JOIN {predictions} before USING ({keys}) WHERE before.commit_id = {base}
    RETURNING {size} AS size
)
SELECT (SELECT count(*) FROM taken) AS entities,
       (SELECT coalesce(sum(size), 0)::bigint FROM taken) AS predictions,
       (SELECT coalesce(sum(rows), 0)::bigint FROM own) AS staged_rows
