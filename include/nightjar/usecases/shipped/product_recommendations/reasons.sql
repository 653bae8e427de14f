-- Why a product is recommended, in words, from the night's staged features.
WITH told AS (
    SELECT *, CASE purchases WHEN 1 THEN 'once' WHEN 2 THEN 'twice' ELSE purchases || ' times' END AS so_often,
           CASE days_since_last WHEN 1 THEN 'yesterday' ELSE days_since_last || ' days ago' END AS so_lately
    FROM features
)
SELECT told.household_id, told.product_id,
       CASE
           WHEN purchases > 1 AND overdue >= 1 AND mean_gap >= 2 THEN
               'bought ' || so_often || ', about every ' || round(mean_gap) || ' days; due again: last ' || so_lately
           WHEN purchases > 0 THEN 'bought ' || so_often || ', last ' || so_lately
           WHEN known.product_id IS NOT NULL THEN
               'new: often bought by those who, as this household, buy '
               || lower(coalesce(known.product_type, known.product_category, known.department))
           ELSE
               'new: popular with similar households, bought by ' || buyers_28d
               || CASE buyers_28d WHEN 1 THEN ' household' ELSE ' households' END || ' in 4 weeks'
       END AS reason
FROM told LEFT JOIN retail.products known ON known.product_id = told.similar_to
