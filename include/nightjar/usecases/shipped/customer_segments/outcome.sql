-- What a household spent between :from and :to, whether it bought anything at all, and whether it redeemed a coupon.
SELECT h.household_id, coalesce(sum(t.sales_value), 0) AS spend, count(t.basket_id) > 0 AS purchased,
       EXISTS (
           SELECT FROM retail.coupon_redemptions r
           WHERE r.household_id = h.household_id AND r.redemption_date >= :from AND r.redemption_date < :to
       ) AS redeemed
FROM retail.households h
LEFT JOIN retail.transactions t ON t.household_id = h.household_id
    AND t.transaction_date >= :from AND t.transaction_date < :to
GROUP BY h.household_id
