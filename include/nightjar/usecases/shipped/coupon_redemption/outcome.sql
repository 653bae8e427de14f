-- Whether a household redeemed a coupon between :from and :to, and what it spent.
SELECT h.household_id,
       EXISTS (
           SELECT FROM retail.coupon_redemptions r
           WHERE r.household_id = h.household_id AND r.redemption_date >= :from AND r.redemption_date < :to
       ) AS redeemed,
       coalesce(sum(t.sales_value), 0) AS spend
FROM retail.households h
LEFT JOIN retail.transactions t ON t.household_id = h.household_id
    AND t.transaction_date >= :from AND t.transaction_date < :to
GROUP BY h.household_id
