-- name: select
SELECT s.*, p.full_name AS parent
FROM nightjar.snapshot s LEFT JOIN nightjar.snapshot p ON p.id = s.parent_id

-- name: by_name
WHERE s.full_name = %(full_name)s

-- name: by_id
WHERE s.id = %(id)s

-- name: filtered
WHERE (%(all)s OR s.state <> 'purged')
  AND (%(use_case)s::text IS NULL OR s.use_case = %(use_case)s)
  AND (%(as_of)s::date IS NULL OR s.as_of = %(as_of)s)
ORDER BY s.name, s.major, s.minor, s.patch

-- name: versions
SELECT major, minor, patch FROM nightjar.snapshot WHERE name = %(name)s

-- name: models
SELECT DISTINCT m.name || '@' || m.version AS model
FROM nightjar.model_version m
WHERE %(id)s IN (m.snapshot_id, m.train_split_id, m.test_split_id)
ORDER BY model

-- name: used
SELECT DISTINCT used.id
FROM nightjar.model_version m, unnest(ARRAY[m.snapshot_id, m.train_split_id, m.test_split_id]) AS used (id)
WHERE used.id IS NOT NULL

-- name: next_id
SELECT nextval('nightjar.snapshot_id') AS id

-- name: hold
SELECT nightjar.hold_snapshot(%(id)s)

-- name: move
SELECT nightjar.move_snapshot(%(id)s, %(state)s)

-- name: purge
SELECT nightjar.purge_snapshot(%(id)s)

-- name: columns
SELECT nightjar.columns_of(%(table)s::regclass) AS columns

-- name: identified_query
SELECT nightjar.snapshot_query(%(id)s, identified => true) AS query

-- name: layers
SELECT l.layer_id, layer.row_count, coalesce(bit_count(l.hidden), 0) AS hidden_rows
FROM nightjar.snapshot_layer l JOIN nightjar.layer ON layer.id = l.layer_id
WHERE l.snapshot_id = %(id)s
ORDER BY l.layer_id

-- name: keep_layer
SELECT nightjar.keep_layer(%(id)s, %(columns)s, %(rows)s)

-- name: add
-- The parent's bits and the newly hidden ones are joined here, so that they never leave the database.
SELECT nightjar.add_snapshot(%(facts)s, array_agg(kept.layer_id ORDER BY kept.layer_id),
                             array_agg(coalesce(before.hidden | kept.hidden, kept.hidden, before.hidden)
                                       ORDER BY kept.layer_id))
FROM unnest(%(layers)s::bigint[], %(hidden)s::bit varying[]) AS kept (layer_id, hidden)
LEFT JOIN nightjar.snapshot_layer before ON before.snapshot_id = %(parent_id)s AND before.layer_id = kept.layer_id

-- name: volatile
SELECT DISTINCT proname AS name FROM pg_proc WHERE proname = ANY(%(names)s) AND provolatile = 'v' ORDER BY name
