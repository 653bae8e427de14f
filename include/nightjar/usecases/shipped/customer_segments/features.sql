-- One row per household with purchases in the 364 days before :as_of. Nothing dated :as_of or later is read.
-- What changes from day to day alone, such as the days since the last basket, would move households between segments.
WITH lines AS (
    SELECT t.household_id, t.basket_id, t.transaction_date, t.sales_value, t.retail_disc, t.coupon_disc,
           p.department, p.brand
    FROM retail.transactions t LEFT JOIN retail.products p USING (product_id)
    WHERE t.transaction_date < :as_of AND t.transaction_date >= :as_of - 364 AND t.sales_value > 0
), baskets AS (
    SELECT household_id, basket_id, min(transaction_date) AS day, sum(sales_value) AS value,
           max(coupon_disc) > 0 AS with_coupon
    FROM lines GROUP BY household_id, basket_id
), visits AS (
    SELECT household_id, count(*) AS baskets, avg(value) AS basket_value, avg(with_coupon::integer) AS coupon_baskets,
           avg((extract(isodow FROM day) >= 6)::integer) AS weekend_share,
           count(DISTINCT (:as_of - day - 1) / 7) FILTER (WHERE day >= :as_of - 84) AS active_weeks,
           :as_of - min(day) AS tenure
    FROM baskets GROUP BY household_id
), mixes AS (
    SELECT household_id, sum(sales_value) AS spend, sum(retail_disc) AS discount,
           coalesce(sum(sales_value) FILTER (
               WHERE department IN ('PRODUCE', 'MEAT', 'SEAFOOD', 'DELI', 'PASTRY', 'FLORAL')
           ), 0) AS fresh,
           coalesce(sum(sales_value) FILTER (WHERE department IN ('DRUG GM', 'COSMETICS', 'NUTRITION')), 0) AS drugstore,
           coalesce(sum(sales_value) FILTER (WHERE brand = 'Private'), 0) AS private_label
    FROM lines GROUP BY household_id
)
SELECT household_id,
       v.active_weeks AS active_weeks_of_12,
       v.baskets / (greatest(v.tenure, 28) / 7.0) AS baskets_per_week,
       m.spend / (greatest(v.tenure, 28) / 7.0) AS spend_per_week,
       v.basket_value,
       m.fresh / m.spend AS fresh_share,
       m.drugstore / m.spend AS drugstore_share,
       m.private_label / m.spend AS private_label_share,
       m.discount / (m.spend + m.discount) AS loyalty_discount_share,
       v.coupon_baskets AS coupon_basket_share,
       v.weekend_share,
       -- Longer is all the same.
       least(v.tenure, 182) AS tenure_days
FROM visits v JOIN mixes m USING (household_id)
