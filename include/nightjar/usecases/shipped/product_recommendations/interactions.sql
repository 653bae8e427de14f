-- What each household bought, a row for each product in a basket; households that bought nothing are named too.
-- Nothing dated :as_of or later is read.
SELECT household_id, product_id, transaction_date AS day, basket_id AS basket, quantity
FROM retail.transactions
WHERE transaction_date < :as_of AND transaction_date >= :as_of - 400
UNION ALL
SELECT household_id, NULL, NULL, NULL, NULL
FROM retail.households
