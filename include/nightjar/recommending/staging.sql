-- name: interactions
CREATE TEMPORARY TABLE nightjar_interactions ON COMMIT DROP AS
SELECT * FROM (
{interactions}
) interactions

-- name: number_entities
CREATE TEMPORARY TABLE nightjar_entity_numbers ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY {order}) - 1 AS number, *
FROM (SELECT DISTINCT {keys} FROM pg_temp.nightjar_interactions) entities

-- name: number_items
CREATE TEMPORARY TABLE nightjar_item_numbers ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY {order}) - 1 AS number, dense_rank() OVER (ORDER BY {category}) - 1 AS category, {key}
FROM (SELECT DISTINCT {key} FROM pg_temp.nightjar_interactions WHERE {key} IS NOT NULL) known
LEFT JOIN (
    SELECT DISTINCT ON ({key}) * FROM (
{items}
    ) declared ORDER BY {key}
) items USING ({key})

-- name: number_of
SELECT number FROM pg_temp.nightjar_entity_numbers WHERE {entity}

-- name: lines
(
    SELECT e.number AS entity, i.number AS item, {columns}
    FROM pg_temp.nightjar_interactions
    JOIN pg_temp.nightjar_entity_numbers e USING ({entity})
    JOIN pg_temp.nightjar_item_numbers i USING ({item})
) lines

-- name: unreadable
SELECT count(*) AS rows, count(*) FILTER (WHERE day IS NULL) AS undated,
       count(*) FILTER (WHERE day >= {as_of}) AS later, max(day)::text AS latest
FROM pg_temp.nightjar_interactions
WHERE {item} IS NOT NULL

-- name: nameless
SELECT count(*) AS rows FROM pg_temp.nightjar_interactions WHERE {no_entity}

-- name: candidates
CREATE TEMPORARY VIEW {view} AS
SELECT {keys}, s.{key} AS similar_to, NULLIF(p.item_category, -1) AS item_category, {features}
FROM {pairs} p
JOIN pg_temp.nightjar_entity_numbers e ON e.number = p.entity
JOIN pg_temp.nightjar_item_numbers i ON i.number = p.item
LEFT JOIN pg_temp.nightjar_item_numbers s ON s.number = p.similar_to
