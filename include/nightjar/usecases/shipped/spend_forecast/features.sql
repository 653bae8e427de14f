-- One row per household with any purchase before :as_of. Nothing dated :as_of or later is read.
SELECT household_id,
       :as_of - max(transaction_date) AS days_since_last,
       least(:as_of - min(transaction_date), 364) AS days_since_first,
       coalesce(sum(sales_value) FILTER (WHERE transaction_date >= :as_of - 7), 0) AS spend_7d,
       coalesce(sum(sales_value) FILTER (WHERE transaction_date >= :as_of - 28), 0) AS spend_28d,
       coalesce(sum(sales_value) FILTER (WHERE transaction_date >= :as_of - 56
                                           AND transaction_date < :as_of - 28), 0) AS spend_28d_before,
       coalesce(sum(sales_value) FILTER (WHERE transaction_date >= :as_of - 84
                                           AND transaction_date < :as_of - 56), 0) AS spend_28d_before_that,
       sum(sales_value) / greatest((:as_of - min(transaction_date)) / 28.0, 1) AS spend_per_28d,
       count(DISTINCT basket_id) FILTER (WHERE transaction_date >= :as_of - 28) AS baskets_28d,
       count(DISTINCT basket_id) FILTER (WHERE transaction_date >= :as_of - 84) AS baskets_84d,
       coalesce(sum(retail_disc) FILTER (WHERE transaction_date >= :as_of - 84), 0) AS loyalty_discount_84d,
       max(h.income) AS income,
       max(h.household_size) AS household_size
FROM retail.transactions JOIN retail.households h USING (household_id)
WHERE transaction_date < :as_of AND transaction_date >= :as_of - 364
GROUP BY household_id
