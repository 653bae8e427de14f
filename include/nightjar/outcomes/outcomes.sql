-- name: last_day
SELECT max({column})::date AS day FROM {table}

-- name: today
SELECT current_date AS day
