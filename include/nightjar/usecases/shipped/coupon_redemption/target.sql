-- Households that redeem a coupon in the horizon, whatever campaign it came from; all others do not.
SELECT h.household_id,
       (EXISTS (
           SELECT FROM retail.coupon_redemptions r
           WHERE r.household_id = h.household_id
             AND r.redemption_date >= :as_of AND r.redemption_date < :as_of + :horizon_days
       ))::integer AS redeemed
FROM retail.households h
