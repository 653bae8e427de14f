-- What a household spent between :from and :to, and whether it bought anything at all.
SELECT h.household_id, coalesce(sum(t.sales_value), 0) AS spend, count(t.basket_id) > 0 AS purchased
FROM retail.households h
LEFT JOIN retail.transactions t ON t.household_id = h.household_id
    AND t.transaction_date >= :from AND t.transaction_date < :to
GROUP BY h.household_id
