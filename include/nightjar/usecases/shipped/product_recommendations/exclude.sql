-- What nobody bought in the 8 weeks before :as_of is taken as discontinued, and what is not in the product master is
-- no product: coupons are booked on numbers of their own. Nothing dated :as_of or later is read.
SELECT t.product_id
FROM retail.transactions t LEFT JOIN retail.products p USING (product_id)
WHERE t.transaction_date < :as_of AND t.transaction_date >= :as_of - 400
GROUP BY t.product_id, p.product_id
HAVING max(t.transaction_date) < :as_of - 56 OR p.product_id IS NULL
