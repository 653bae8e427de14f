-- What led to a recommendation: the household's last 10 purchases of the product, or, when it never bought it, how
-- many households did in the last 28 days. Nothing dated :as_of or later is read.
WITH own AS (
    SELECT transaction_date AS bought_on, quantity, sales_value AS value, :as_of - transaction_date AS days_before
    FROM retail.transactions
    WHERE household_id = :entity AND product_id = :item AND transaction_date < :as_of
    ORDER BY transaction_timestamp DESC, basket_id DESC
    LIMIT 10
)
SELECT bought_on, quantity, value, days_before, NULL::bigint AS buyers_28d FROM own
UNION ALL
SELECT NULL, NULL, NULL, NULL, count(DISTINCT household_id)
FROM retail.transactions
WHERE product_id = :item AND transaction_date < :as_of AND transaction_date >= :as_of - 28
HAVING NOT EXISTS (SELECT FROM own)
ORDER BY bought_on DESC
