-- name: outcomes
(SELECT night.segment_id, {columns}
 FROM (SELECT {keys}, segment_id FROM {stored} WHERE commit_id = {commit}) night
 LEFT JOIN ({outcome}) outcome USING ({keys})) told

-- name: moved
SELECT a.segment_id AS before, b.segment_id AS after, count(*) AS entities
FROM (SELECT {keys}, segment_id FROM {stored} WHERE commit_id = {before}) a
JOIN (SELECT {keys}, segment_id FROM {stored} WHERE commit_id = {after}) b USING ({keys})
GROUP BY a.segment_id, b.segment_id
