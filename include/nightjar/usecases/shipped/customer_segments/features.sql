-- One row per household with purchases in the 182 days before :as_of. Nothing dated :as_of or later is read.
WITH lines AS (
    SELECT t.*, p.department, p.brand
    FROM retail.transactions t LEFT JOIN retail.products p USING (product_id)
    WHERE t.transaction_date < :as_of AND t.transaction_date >= :as_of - 182 AND t.sales_value > 0
), baskets AS (
    SELECT household_id, basket_id, sum(sales_value) AS value, count(*) AS lines
    FROM lines GROUP BY household_id, basket_id
), basket_means AS (
    SELECT household_id, avg(value) AS basket_value, avg(lines) AS basket_lines, count(*) AS baskets
    FROM baskets GROUP BY household_id
)
SELECT l.household_id,
       :as_of - max(l.transaction_date) AS days_since_last,
       max(b.baskets) / 26.0 AS baskets_per_week,
       max(b.basket_value) AS basket_value,
       max(b.basket_lines) AS basket_lines,
       sum(l.sales_value) / 26.0 AS spend_per_week,
       coalesce(sum(l.sales_value) FILTER (
           WHERE l.department IN ('PRODUCE', 'MEAT', 'SEAFOOD', 'DELI', 'PASTRY', 'FLORAL')
       ), 0) / sum(l.sales_value) AS fresh_share,
       coalesce(sum(l.sales_value) FILTER (WHERE l.department IN ('DRUG GM', 'COSMETICS', 'NUTRITION')), 0)
           / sum(l.sales_value) AS drugstore_share,
       coalesce(sum(l.sales_value) FILTER (WHERE l.brand = 'Private'), 0)
           / sum(l.sales_value) AS private_label_share,
       sum(l.retail_disc) / (sum(l.sales_value) + sum(l.retail_disc)) AS loyalty_discount_share,
       sum(l.coupon_disc) / (sum(l.sales_value) + sum(l.coupon_disc)) AS coupon_share,
       avg((extract(isodow FROM l.transaction_date) >= 6)::integer) AS weekend_share
FROM lines l JOIN basket_means b USING (household_id)
GROUP BY l.household_id
