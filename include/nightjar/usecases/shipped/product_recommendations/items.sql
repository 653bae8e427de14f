SELECT product_id, coalesce(product_type, product_category, department) AS product_name, product_category, department, brand
FROM retail.products
