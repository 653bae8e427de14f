-- name: shown_night
SELECT commit_id FROM nightjar.publication WHERE use_case = %(use_case)s

-- name: night_of
SELECT id AS commit_id FROM nightjar.commit
WHERE use_case = %(use_case)s AND as_of = %(as_of)s AND state = 'published'

-- name: newest_nights
SELECT as_of FROM nightjar.commit WHERE use_case = %(use_case)s AND state = 'published' ORDER BY as_of DESC LIMIT 5

-- name: quarantined
SELECT reason FROM nightjar.quarantine WHERE commit_id = %s AND entity = %s

-- name: segments
SELECT s.segment_id, s.name FROM nightjar.commit c JOIN nightjar.segment s ON s.model_id = c.model_id
WHERE c.id = %s ORDER BY s.segment_id
