-- name: select
SELECT s.*, p.name || '@' || p.major || '.' || p.minor || '.' || p.patch AS parent
FROM nightjar.snapshot s LEFT JOIN nightjar.snapshot p ON p.id = s.parent_id

-- name: one
WHERE s.name = %(name)s AND (s.major, s.minor, s.patch) = (%(major)s, %(minor)s, %(patch)s)

-- name: filtered
WHERE (%(all)s OR s.state <> 'purged')
  AND (%(use_case)s::text IS NULL OR s.use_case = %(use_case)s)
  AND (%(as_of)s::date IS NULL OR s.as_of = %(as_of)s)
ORDER BY s.name, s.major, s.minor, s.patch

-- name: versions
SELECT major, minor, patch FROM nightjar.snapshot WHERE name = %(name)s

-- name: next_id
SELECT nextval('nightjar.snapshot_id') AS id

-- name: insert
INSERT INTO nightjar.snapshot (id, name, major, minor, patch, state, parent_id, statements, schema_columns,
                               storage_table, row_count, byte_count, content_hash, use_case, as_of, comment)
VALUES (%(id)s, %(name)s, %(major)s, %(minor)s, %(patch)s, %(state)s, %(parent_id)s, %(statements)s,
        %(schema_columns)s, %(storage_table)s, %(row_count)s, %(byte_count)s, %(content_hash)s, %(use_case)s,
        %(as_of)s, %(comment)s)

-- name: move_state
UPDATE nightjar.snapshot SET state = %(state)s WHERE id = %(id)s AND state = ANY(%(allowed)s)

-- name: columns
SELECT attname AS name, format_type(atttypid, atttypmod) AS type
FROM pg_attribute
WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum

-- name: size
SELECT pg_total_relation_size(%(table)s::regclass) AS bytes
