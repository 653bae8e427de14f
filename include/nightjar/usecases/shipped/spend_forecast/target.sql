-- Every household: those that buy nothing in the horizon spend 0.
SELECT h.household_id, coalesce(sum(t.sales_value), 0) AS spend
FROM retail.households h
LEFT JOIN retail.transactions t ON t.household_id = h.household_id
    AND t.transaction_date >= :as_of AND t.transaction_date < :as_of + :horizon_days
GROUP BY h.household_id
