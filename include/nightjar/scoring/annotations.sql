-- name: store_reasons
-- Gives an entity that has several reasons for an item, if there is one. It is looked for here: Postgres expects one row
-- of a night that it has not counted yet, and a join with what was stored would go through the night once for each.
WITH told ({keys}, {columns}, in_doubt) AS MATERIALIZED (
    WITH features AS NOT MATERIALIZED (
        SELECT * FROM {staged}
    ), night AS MATERIALIZED (
        SELECT * FROM {stored} s WHERE s.commit_id = {commit}
    ), given AS (
{reasons}
    )
    SELECT {keys}, array_agg(given.reason::text ORDER BY night.rank){and_tenants},
           count(*) > count(DISTINCT night.rank)
    FROM night {and_features} LEFT JOIN given USING ({pair})
    GROUP BY {keys}
), stored AS (
    INSERT INTO {table} (commit_id, {keys}, {columns}) SELECT {commit}, {keys}, {columns} FROM told
)
SELECT {keys} FROM told WHERE in_doubt LIMIT 1

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
