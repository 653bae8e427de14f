-- One row per household that received a campaign before :as_of. A campaign is known from its first day on, with whom
-- it was sent to, its coupons and its last day; nothing else dated :as_of or later is read.
WITH received AS (
    SELECT h.household_id, h.campaign_id, c.campaign_type, c.start_date, c.end_date, c.end_date >= :as_of AS running
    FROM retail.campaigns c JOIN retail.campaign_households h USING (campaign_id)
    WHERE c.start_date < :as_of
), campaigns AS (
    SELECT household_id,
           count(*) AS campaigns,
           count(*) FILTER (WHERE campaign_type = 'Type A') AS campaigns_a,
           count(*) FILTER (WHERE campaign_type = 'Type B') AS campaigns_b,
           count(*) FILTER (WHERE campaign_type = 'Type C') AS campaigns_c,
           count(*) FILTER (WHERE running AND campaign_type = 'Type A') AS running_a,
           count(*) FILTER (WHERE running AND campaign_type <> 'Type A') AS running_others,
           array_agg(campaign_id) FILTER (WHERE running) AS running,
           :as_of - max(start_date) AS days_since_campaign,
           coalesce(max(end_date - :as_of + 1) FILTER (WHERE running), 0) AS days_left
    FROM received
    GROUP BY household_id
), redemptions AS (
    SELECT household_id,
           count(*) AS redemptions,
           count(*) FILTER (WHERE redemption_date >= :as_of - 84) AS redemptions_84d,
           count(DISTINCT campaign_id) AS campaigns_redeemed,
           :as_of - max(redemption_date) AS days_since_redemption
    FROM retail.coupon_redemptions
    WHERE redemption_date < :as_of
    GROUP BY household_id
), offers AS (
    SELECT product_id, array_agg(DISTINCT campaign_id) AS campaigns
    FROM retail.campaigns JOIN retail.coupons USING (campaign_id)
    WHERE start_date < :as_of AND end_date >= :as_of
    GROUP BY product_id
), lines AS (
    SELECT t.household_id, t.basket_id, t.transaction_date AS day, t.sales_value, t.retail_disc, t.coupon_disc,
           o.campaigns && c.running AS offered
    FROM retail.transactions t
    JOIN campaigns c USING (household_id)
    LEFT JOIN offers o USING (product_id)
    WHERE t.transaction_date < :as_of AND t.transaction_date >= :as_of - 364
), purchases AS (
    SELECT household_id,
           :as_of - max(day) AS days_since_last,
           count(DISTINCT basket_id) FILTER (WHERE day >= :as_of - 28) AS baskets_28d,
           count(DISTINCT basket_id) FILTER (WHERE day >= :as_of - 84) AS baskets_84d,
           coalesce(sum(sales_value) FILTER (WHERE day >= :as_of - 28), 0) AS spend_28d,
           coalesce(sum(sales_value) FILTER (WHERE day >= :as_of - 84), 0) AS spend_84d,
           count(*) FILTER (WHERE coupon_disc > 0 AND day >= :as_of - 84) AS coupon_lines_84d,
           sum(coupon_disc) / nullif(sum(sales_value), 0) AS coupon_share,
           sum(retail_disc) / nullif(sum(sales_value + retail_disc), 0) AS loyalty_share,
           coalesce(sum(sales_value) FILTER (WHERE offered), 0) / nullif(sum(sales_value), 0) AS offered_share
    FROM lines
    GROUP BY household_id
)
SELECT household_id, c.campaigns, c.campaigns_a, c.campaigns_b, c.campaigns_c, c.running_a, c.running_others,
       c.days_since_campaign, c.days_left,
       coalesce(r.redemptions, 0) AS redemptions,
       coalesce(r.redemptions_84d, 0) AS redemptions_84d,
       coalesce(r.campaigns_redeemed, 0)::float8 / c.campaigns AS redemption_rate,
       r.days_since_redemption,
       p.days_since_last,
       coalesce(p.baskets_28d, 0) AS baskets_28d,
       coalesce(p.baskets_84d, 0) AS baskets_84d,
       coalesce(p.spend_28d, 0) AS spend_28d,
       coalesce(p.spend_84d, 0) AS spend_84d,
       coalesce(p.coupon_lines_84d, 0) AS coupon_lines_84d,
       p.coupon_share, p.loyalty_share, p.offered_share,
       h.age, h.income, h.household_size
FROM campaigns c
JOIN retail.households h USING (household_id)
LEFT JOIN redemptions r USING (household_id)
LEFT JOIN purchases p USING (household_id)
