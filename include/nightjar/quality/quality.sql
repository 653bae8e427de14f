-- name: record_result
INSERT INTO nightjar.gate_result (use_case, gate, as_of, run_id, passed, evaluated, skipped, docs)
VALUES (%(use_case)s, %(gate)s, %(as_of)s, %(run_id)s, %(passed)s, %(evaluated)s, %(skipped)s, %(docs)s)
RETURNING id

-- name: record_failure
INSERT INTO nightjar.gate_failure
    (gate_result_id, ordinal, subject, expectation, arguments, severity, found, sample_rows)
VALUES (%(result)s, %(ordinal)s, %(subject)s, %(expectation)s, %(arguments)s, %(severity)s, %(found)s, %(rows)s)

-- name: volume
-- Rows of the newest days there are (week 0), and of the same days of each week before that the table covers.
WITH span AS MATERIALIZED (
    SELECT min({column})::date AS first, least({as_of}, max({column})::date + 1) AS until FROM {table}
)
SELECT w.week, (
    SELECT count(*) FROM {table} t
    WHERE t.{column} < span.until - 7 * w.week AND t.{column} >= span.until - 7 * w.week - {days}
) AS rows
FROM span CROSS JOIN generate_series(0, {weeks}) AS w (week)
WHERE w.week = 0 OR span.first <= span.until - 7 * w.week - {days}
ORDER BY w.week

-- name: missing_references
SELECT count(s.{column}) AS rows, count(s.{column}) FILTER (WHERE o.{target} IS NULL) AS missing
FROM ({query}) s LEFT JOIN (SELECT DISTINCT {target} FROM {other}) o ON o.{target} = s.{column}

-- name: rows_without_reference
SELECT s.* FROM ({query}) s
WHERE s.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {other} o WHERE o.{target} = s.{column})
LIMIT {limit}

-- name: filtered_bins
-- How many rows lie in each bin of each of several columns. OFFSET keeps the bins from being computed at each count.
SELECT {counts} FROM (SELECT {bins} FROM {relation} OFFSET 0) s

-- name: grouped_bins
-- The same for columns of many bins.
SELECT v.place, v.bin, count(*) AS rows
FROM {relation} CROSS JOIN LATERAL (VALUES {bins}) AS v (place, bin)
GROUP BY v.place, v.bin

-- name: shape
-- Deciles (of some entities, where there are many rows), mean and spread of a column.
SELECT percentile_cont(ARRAY[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) WITHIN GROUP (ORDER BY value)
           FILTER (WHERE (hash_record(entity) & 2147483647) % {step} = 0) AS edges,
       avg(value) AS mean, stddev_pop(value) AS spread
FROM (SELECT {column}::double precision AS value, ROW({entity})::record AS entity FROM {relation}) s

-- name: distinct_items
SELECT count(*) AS items FROM (SELECT DISTINCT {column} FROM {relation}) d
