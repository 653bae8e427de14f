-- name: freshness
SELECT use_case, as_of, model, rows, quarantined, stale, date_trunc('second', published_at) AS published
FROM predictions.freshness ORDER BY use_case;

-- name: nights
SELECT use_case, as_of, state, rows, round(seconds, 1) AS seconds
FROM predictions.commits WHERE state = 'published' ORDER BY use_case, as_of;

-- name: recommendations
SELECT household_id, rank, product_name, round(score::numeric, 3) AS score
FROM predictions.product_recommendations
WHERE household_id IN (1, 718, 1609) AND rank <= 6
ORDER BY household_id, rank;

-- name: segments
SELECT p.segment_id AS id, p.segment, count(*) AS households, p.description
FROM predictions.customer_segments s JOIN predictions.segment_profiles p USING (segment_id)
WHERE p.use_case = 'customer_segments'
GROUP BY p.segment_id, p.segment, p.description ORDER BY households DESC;

-- name: churn
SELECT household_id, round(probability::numeric, 3) AS probability, as_of, model
FROM predictions.churn_risk ORDER BY churn_risk.probability DESC, household_id LIMIT 10;

-- name: forecast
SELECT household_id, round(prediction::numeric, 2) AS dollars, as_of
FROM predictions.spend_forecast ORDER BY prediction DESC, household_id LIMIT 5;

-- name: coupons
SELECT household_id, round(probability::numeric, 3) AS probability, as_of, model
FROM predictions.coupon_redemption ORDER BY coupon_redemption.probability DESC, household_id LIMIT 5;
