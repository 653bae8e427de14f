-- One row per household that bought something in the 84 days before :as_of. Nothing dated :as_of or later is read.
WITH baskets AS (
    SELECT household_id, basket_id, min(transaction_date) AS day, sum(sales_value) AS value,
           sum(coupon_disc) AS coupons, count(*) AS lines
    FROM retail.transactions
    WHERE transaction_date < :as_of AND transaction_date >= :as_of - 364
    GROUP BY household_id, basket_id
), gaps AS (
    SELECT *, day - lag(day) OVER (PARTITION BY household_id ORDER BY day, basket_id) AS gap
    FROM baskets
)
SELECT b.household_id,
       :as_of - max(b.day) AS days_since_last,
       :as_of - min(b.day) AS days_since_first,
       count(*) FILTER (WHERE b.day >= :as_of - 14) AS baskets_14d,
       count(*) FILTER (WHERE b.day >= :as_of - 28) AS baskets_28d,
       count(*) FILTER (WHERE b.day >= :as_of - 84) AS baskets_84d,
       count(DISTINCT b.day) FILTER (WHERE b.day >= :as_of - 84) AS days_84d,
       coalesce(sum(b.value) FILTER (WHERE b.day >= :as_of - 28), 0) AS spend_28d,
       coalesce(sum(b.value) FILTER (WHERE b.day >= :as_of - 84), 0) AS spend_84d,
       avg(b.value) AS basket_value,
       avg(b.lines) AS basket_lines,
       coalesce(sum(b.coupons) FILTER (WHERE b.day >= :as_of - 84), 0) AS coupon_discount_84d,
       avg(b.gap) AS mean_gap,
       stddev_samp(b.gap) AS gap_spread,
       (:as_of - max(b.day)) / greatest(avg(b.gap), 1) AS overdue,
       h.age, h.income, h.household_size
FROM gaps b JOIN retail.households h USING (household_id)
GROUP BY b.household_id, h.age, h.income, h.household_size
HAVING max(b.day) >= :as_of - 84
