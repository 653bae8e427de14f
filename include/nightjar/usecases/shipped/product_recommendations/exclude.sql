-- What nobody bought in the 8 weeks before :as_of is taken as discontinued. Nothing dated :as_of or later is read.
SELECT product_id
FROM retail.transactions
WHERE transaction_date < :as_of AND transaction_date >= :as_of - 182
GROUP BY product_id
HAVING max(transaction_date) < :as_of - 56
