-- The pairs that were bought in the horizon; every other pair was not.
SELECT DISTINCT household_id, product_id, 1 AS bought
FROM retail.transactions
WHERE transaction_date >= :as_of AND transaction_date < :as_of + :horizon_days
