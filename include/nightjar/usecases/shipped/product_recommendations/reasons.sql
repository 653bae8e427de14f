-- Why a product is recommended, in words, from the night's staged features.
SELECT household_id, product_id,
       CASE
           WHEN baskets > 0 THEN
               'bought ' || CASE baskets WHEN 1 THEN 'once' WHEN 2 THEN 'twice' ELSE baskets || ' times' END
               || ' in 26 weeks, last '
               || CASE days_since_last WHEN 1 THEN 'yesterday' ELSE days_since_last || ' days ago' END
           ELSE 'popular: bought by ' || buyers_28d || CASE buyers_28d WHEN 1 THEN ' household' ELSE ' households' END
               || ' in 4 weeks'
       END AS reason
FROM features
