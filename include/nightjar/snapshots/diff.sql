-- name: probe
-- Reads nothing; fails where values of the type cannot be compared, sorted or grouped.
SELECT count(DISTINCT {column}) FROM {view} AS source WHERE {column} IS DISTINCT FROM {column} AND false

-- name: identifies
SELECT count(*) = count(DISTINCT value) AS identifies FROM (SELECT {value} AS value FROM {view} AS source) side

-- name: misfit
-- A key that does not identify a row: NULL, or repeated.
SELECT {texts} AS key, count(*) AS times
FROM (SELECT {columns} FROM {view} AS source) rows_of_side
GROUP BY {keys}
HAVING count(*) > 1 OR {nulls}
ORDER BY count(*) DESC, {texts} COLLATE "C"
LIMIT 1

-- name: keyed
SELECT count(*) FILTER (WHERE l.present) AS left_rows,
       count(*) FILTER (WHERE r.present) AS right_rows,
       count(*) FILTER (WHERE l.present AND r.present) AS in_both,
       count(*) FILTER (WHERE l.present AND r.present AND ({any_change})) AS changed,
       ARRAY[{changes}]::bigint[] AS changed_values
FROM (SELECT {columns}, true AS present FROM {left} AS source) l
FULL JOIN (SELECT {columns}, true AS present FROM {right} AS source) r ON {match}

-- name: change
count(*) FILTER (WHERE l.present AND r.present AND {unequal})

-- name: multisets
SELECT coalesce(sum(left_rows), 0)::bigint AS left_rows,
       coalesce(sum(right_rows), 0)::bigint AS right_rows,
       coalesce(sum(least(left_rows, right_rows)), 0)::bigint AS in_both
FROM (
    SELECT count(*) FILTER (WHERE is_left) AS left_rows, count(*) FILTER (WHERE NOT is_left) AS right_rows
    FROM (
        SELECT {columns} true AS is_left FROM {left} AS source
        UNION ALL
        SELECT {columns} false AS is_left FROM {right} AS source
    ) rows_of_both
    GROUP BY ({keys})
) equal_rows

-- name: ordered_side
SELECT count(*) AS row_count,
       count(*) - count(value) AS null_count,
       count(DISTINCT value) AS distinct_count,
       min(value)::text AS minimum,
       max(value)::text AS maximum,
       {mean} AS mean,
       {quantiles} AS quantiles
FROM (SELECT {value} AS value FROM {view} AS source) side

-- name: quantiles
(percentile_disc({fractions}) WITHIN GROUP (ORDER BY value) FILTER (WHERE {ordinary}))::text[]

-- name: no_quantiles
NULL::text[]

-- name: all_ordinary
true

-- name: not_nan
value <> 'NaN'

-- name: no_mean
NULL::text

-- name: mean_of_numbers
avg(value)::text

-- name: mean_of_floats
(sum(value::float8) / nullif(count(value), 0))::text

-- name: mean_of_huge_floats
-- Slower, and without overflow where the sum leaves the type's range.
avg(value::numeric)::text

-- name: mean_of_dates
CASE WHEN abs(avg(extract(epoch FROM value))) < 'Infinity'
     THEN ('epoch'::date + round(avg(extract(epoch FROM value)) / 86400)::integer)::text END

-- name: mean_of_timestamps
CASE WHEN abs(avg(extract(epoch FROM value))) < 'Infinity'
     THEN (to_timestamp(avg(extract(epoch FROM value))::float8) AT TIME ZONE 'UTC')::text END

-- name: ordered_bins
-- Counts per place among the edges; a value on an edge is counted apart, at the place above it.
SELECT is_left, width_bucket(value, {edges}) AS place, value = ({edges})[width_bucket(value, {edges})] AS on_edge,
       count(*) AS row_count
FROM (
    SELECT true AS is_left, {value} AS value FROM {left} AS source
    UNION ALL
    SELECT false, {value} FROM {right} AS source
) both_sides
GROUP BY 1, 2, 3

-- name: category_bins
-- The frequent values are numbered from 1 on, 0 is any other, and NULL is NULL.
WITH counted AS MATERIALIZED (
    SELECT value,
           count(*) FILTER (WHERE is_left) AS left_rows,
           count(*) FILTER (WHERE NOT is_left) AS right_rows
    FROM (
        SELECT true AS is_left, {value} AS value FROM {left} AS source
        UNION ALL
        SELECT false, {value} FROM {right} AS source
    ) both_sides
    GROUP BY value
),
frequent AS (
    SELECT value AS frequent_value, row_number() OVER (ORDER BY left_rows DESC, value::text COLLATE "C") AS number
    FROM counted
    WHERE left_rows > 0 AND value IS NOT NULL
    ORDER BY number
    LIMIT {limit}
)
SELECT CASE WHEN value IS NOT NULL THEN coalesce(number, 0) END AS bin,
       sum(left_rows)::bigint AS left_rows,
       sum(right_rows)::bigint AS right_rows,
       count(value) FILTER (WHERE left_rows > 0) AS left_distinct,
       count(value) FILTER (WHERE right_rows > 0) AS right_distinct
FROM counted LEFT JOIN frequent ON frequent_value = value
GROUP BY 1
