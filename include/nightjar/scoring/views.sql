-- name: view
CREATE VIEW {view} {options} AS
SELECT {columns}, n.as_of, n.model, s.commit_id
FROM {nights}
{labels}
{annotations}
WHERE n.use_case = {use_case} {tenants}

-- name: shown_nights
nightjar.publication n JOIN {stored} s ON s.commit_id = n.commit_id

-- name: kept_nights
nightjar.commit n JOIN {stored} s ON s.commit_id = n.id AND n.state = 'published'

-- name: segment_labels
JOIN nightjar.commit c ON c.id = s.commit_id
LEFT JOIN nightjar.segment label ON label.model_id = c.model_id AND label.segment_id = s.segment_id

-- name: granted_tenants
AND (EXISTS (SELECT FROM nightjar.readable_tenant g WHERE g.use_case = {use_case} AND g.tenant = a.tenant)
     OR EXISTS (SELECT FROM nightjar.readable_tenant g WHERE g.use_case = {use_case} AND g.tenant IS NULL))

-- name: grant_scorer_every_tenant
INSERT INTO nightjar.tenant_grant (role_name, use_case) VALUES ('nightjar_scorer', %s) ON CONFLICT DO NOTHING

-- name: since
(SELECT min(first.as_of) FROM nightjar.commit first
 WHERE first.use_case = {use_case} AND first.state = 'published' AND first.as_of <= n.as_of
   AND first.as_of > coalesce(
       (SELECT other.as_of
        FROM nightjar.commit other LEFT JOIN {stored} o ON o.commit_id = other.id AND {same}
        WHERE other.use_case = {use_case} AND other.state = 'published' AND other.as_of < n.as_of
          AND o.segment_id IS DISTINCT FROM s.segment_id
        ORDER BY other.as_of DESC LIMIT 1),
       '-infinity')) AS since

-- name: migrations
CREATE VIEW {view} AS
SELECT {use_case}::text AS use_case, night.as_of, night.before_as_of,
       moved.from_segment_id, moved.from_segment, moved.to_segment_id, moved.to_segment, moved.households,
       moved.households / sum(moved.households) OVER (PARTITION BY night.as_of, moved.from_segment_id)::double precision
           AS share
FROM (
    SELECT c.id, c.as_of, before.id AS before_id, before.as_of AS before_as_of
    FROM nightjar.commit c
    CROSS JOIN LATERAL (
        SELECT b.id, b.as_of FROM nightjar.commit b
        WHERE b.use_case = {use_case} AND b.state = 'published' AND b.as_of < c.as_of
        ORDER BY b.as_of DESC LIMIT 1
    ) before
    WHERE c.use_case = {use_case} AND c.state = 'published'
      -- Next to a night that is forgotten, everybody would be new.
      AND EXISTS (SELECT FROM {stored} s WHERE s.commit_id = before.id)
) night
CROSS JOIN LATERAL (
    SELECT b.segment_id AS from_segment_id, min(b.segment) AS from_segment,
           a.segment_id AS to_segment_id, min(a.segment) AS to_segment, count(*) AS households
    FROM (SELECT * FROM {history} h WHERE h.commit_id = night.before_id) b
    FULL JOIN (SELECT * FROM {history} h WHERE h.commit_id = night.id) a USING ({keys})
    GROUP BY b.segment_id, a.segment_id
) moved

-- name: migration_views
SELECT c.relname AS name FROM pg_class c
WHERE c.relnamespace = 'predictions'::regnamespace AND c.relkind = 'v' AND c.relname LIKE '%\_migrations'
  AND c.relname <> 'segment_migrations'
ORDER BY c.relname

-- name: migration_comments
SELECT attname AS name, col_description(attrelid, attnum) AS comment FROM pg_attribute
WHERE attrelid = 'predictions.segment_migrations'::regclass AND attnum > 0

-- name: no_migrations
SELECT NULL::text AS use_case, NULL::date AS as_of, NULL::date AS before_as_of, NULL::integer AS from_segment_id,
       NULL::text AS from_segment, NULL::integer AS to_segment_id, NULL::text AS to_segment,
       NULL::bigint AS households, NULL::double precision AS share
WHERE false

-- name: lookup
CREATE FUNCTION {function} ({parameters}) RETURNS SETOF {view}
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER ROWS {rows}
AS {body}

-- name: lookup_body
BEGIN
    RETURN QUERY SELECT v.* FROM {view} v WHERE {same};
END
