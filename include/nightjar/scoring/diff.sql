-- name: published_nights
SELECT id FROM nightjar.commit WHERE use_case = %s AND state = 'published' ORDER BY as_of DESC, id DESC

-- name: counts
SELECT count(*) FILTER (WHERE before.seen AND after.seen) AS both,
       count(*) FILTER (WHERE after.seen IS NULL) AS gone,
       count(*) FILTER (WHERE before.seen IS NULL) AS new
FROM (SELECT {keys}, true AS seen FROM {predictions} WHERE commit_id = {before}) before
FULL JOIN (SELECT {keys}, true AS seen FROM {predictions} WHERE commit_id = {after}) after USING ({keys})

-- name: steps
-- The prediction of each entity of both nights: stored, with the code of today, with the new inputs, with the new model,
-- stored again. A step that was not scored anew is that before it, or the one behind it.
CREATE TEMPORARY TABLE nightjar_steps ON COMMIT DROP AS
SELECT {keys}, before.value AS before, after.value AS after,
       coalesce(new_code.value, before.value) AS new_code, new_inputs.value AS new_inputs, new_model.value AS new_model
FROM (SELECT {keys}, {value} AS value FROM {predictions} WHERE commit_id = {before}) before
JOIN (SELECT {keys}, {value} AS value FROM {predictions} WHERE commit_id = {after}) after USING ({keys})
LEFT JOIN (SELECT {keys}, {value} AS value FROM {rescored} WHERE commit_id = {new_code}) new_code USING ({keys})
LEFT JOIN (SELECT {keys}, {value} AS value FROM {rescored} WHERE commit_id = {new_inputs}) new_inputs USING ({keys})
LEFT JOIN (SELECT {keys}, {value} AS value FROM {rescored} WHERE commit_id = {new_model}) new_model USING ({keys})

-- name: changes
-- Each step as a number: for a number its difference, else how much of it is another.
CREATE TEMPORARY TABLE nightjar_changes ON COMMIT DROP AS
SELECT {keys}, before, after, {total} AS total, {data} AS data, {model} AS model, {first_rest} + {last_rest} AS rest
FROM nightjar_steps

-- name: summary
SELECT count(*) FILTER (WHERE abs(total) > {threshold}) AS total_entities, avg(total) AS total_mean, avg(abs(total)) AS total_size,
       count(*) FILTER (WHERE abs(data) > {threshold}) AS data_entities, avg(data) AS data_mean, avg(abs(data)) AS data_size,
       count(*) FILTER (WHERE abs(model) > {threshold}) AS model_entities, avg(model) AS model_mean, avg(abs(model)) AS model_size,
       count(*) FILTER (WHERE abs(rest) > {threshold}) AS rest_entities, avg(rest) AS rest_mean, avg(abs(rest)) AS rest_size
FROM nightjar_changes

-- name: movers
SELECT {keys}, before, after, total, data, model, rest
FROM nightjar_changes
WHERE abs(total) > {threshold}
ORDER BY abs(total) DESC, {keys}
LIMIT {limit}
