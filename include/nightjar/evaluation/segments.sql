-- name: outcomes
(SELECT night.segment_id, {columns}
 FROM (SELECT {keys}, segment_id FROM {stored} WHERE commit_id = {commit}) night
 LEFT JOIN ({outcome}) outcome USING ({keys})) told

-- name: names
SELECT s.segment_id, s.name FROM nightjar.commit c JOIN nightjar.segment s ON s.model_id = c.model_id
WHERE c.id = %s ORDER BY s.segment_id

-- name: moved
SELECT a.segment_id AS before, b.segment_id AS after, count(*) AS entities
FROM (SELECT {keys}, segment_id FROM {stored} WHERE commit_id = {before}) a
JOIN (SELECT {keys}, segment_id FROM {stored} WHERE commit_id = {after}) b USING ({keys})
GROUP BY a.segment_id, b.segment_id
