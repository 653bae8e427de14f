-- Candidate pairs: what a household bought in the last 26 weeks (its 100 most regular products), and this
-- month's 40 most popular products. Nothing dated :as_of or later is read.
WITH lines AS MATERIALIZED (
    SELECT household_id, product_id, basket_id, transaction_date AS day, :as_of - transaction_date AS age
    FROM retail.transactions
    WHERE transaction_date < :as_of AND transaction_date >= :as_of - 182
), households AS (
    SELECT household_id, count(*) AS household_baskets, count(*) FILTER (WHERE age <= 28) AS household_baskets_28d,
           min(age) AS household_days_since_last
    FROM (SELECT DISTINCT household_id, basket_id, age FROM lines) baskets GROUP BY household_id
), pairs AS MATERIALIZED (
    SELECT household_id, product_id, count(*) AS baskets, min(age) AS days_since_last, max(age) AS days_since_first,
           sum(exp(-age / 20.0::float8)) AS recency_20, sum(exp(-age / 86.0::float8)) AS recency_86,
           count(*) FILTER (WHERE age <= 7) AS baskets_7d, count(*) FILTER (WHERE age <= 28) AS baskets_28d
    FROM lines GROUP BY household_id, product_id
), products AS (
    SELECT product_id, count(*) FILTER (WHERE baskets_28d > 0) AS buyers_28d, avg(baskets)::float8 AS repeat_rate
    FROM pairs GROUP BY product_id
), own AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY household_id ORDER BY recency_86 DESC, product_id) AS own_rank
        FROM pairs
    ) ranked
    WHERE own_rank <= 100
), popular AS (
    SELECT product_id FROM products ORDER BY buyers_28d DESC, product_id LIMIT 40
), candidates AS (
    SELECT household_id, product_id FROM own
    UNION
    SELECT household_id, product_id FROM households CROSS JOIN popular
)
SELECT c.household_id, c.product_id,
       coalesce(o.baskets, 0) AS baskets,
       coalesce(o.baskets_7d, 0) AS baskets_7d,
       coalesce(o.baskets_28d, 0) AS baskets_28d,
       coalesce(o.recency_20, 0) AS recency_20,
       coalesce(o.recency_86, 0) AS recency_86,
       coalesce(o.own_rank, 999) AS own_rank,
       o.days_since_last,
       o.days_since_last / greatest((o.days_since_first - o.days_since_last) / greatest(o.baskets - 1, 1)::float8, 1)
           AS overdue,
       coalesce(o.baskets, 0)::float8 / h.household_baskets AS basket_share,
       h.household_baskets, h.household_baskets_28d, h.household_days_since_last,
       p.buyers_28d, p.repeat_rate
FROM candidates c
JOIN households h USING (household_id)
JOIN products p USING (product_id)
LEFT JOIN own o USING (household_id, product_id)
