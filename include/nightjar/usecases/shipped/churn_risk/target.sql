-- Households that bought something in the horizon have not churned; all others of the population have.
SELECT h.household_id,
       (NOT EXISTS (
           SELECT FROM retail.transactions t
           WHERE t.household_id = h.household_id
             AND t.transaction_date >= :as_of AND t.transaction_date < :as_of + :horizon_days
       ))::integer AS churned
FROM retail.households h
