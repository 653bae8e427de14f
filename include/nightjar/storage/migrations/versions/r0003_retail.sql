CREATE TABLE retail.households (
    household_id    integer PRIMARY KEY,
    age             text,
    income          text,
    home_ownership  text,
    marital_status  text,
    household_size  text,
    household_comp  text,
    kids_count      text
);
COMMENT ON TABLE retail.households IS 'Every household with a loyalty card; about a third told their demographics.';
COMMENT ON COLUMN retail.households.age IS 'Age bracket, e.g. 45-54; NULL when not told.';
COMMENT ON COLUMN retail.households.income IS 'Yearly income bracket, e.g. 50-74K; NULL when not told.';

CREATE TABLE retail.products (
    product_id        integer PRIMARY KEY,
    manufacturer_id   integer NOT NULL,
    department        text NOT NULL,
    brand             text NOT NULL CHECK (brand IN ('National', 'Private')),
    product_category  text,
    product_type      text,
    package_size      text
);
COMMENT ON TABLE retail.products IS 'The product master. Some products of early transactions are not in it.';

CREATE TABLE retail.transactions (
    basket_id              bigint NOT NULL,
    product_id             integer NOT NULL,
    household_id           integer NOT NULL REFERENCES retail.households,
    store_id               integer NOT NULL,
    quantity               integer NOT NULL CHECK (quantity >= 0),
    sales_value            numeric(10, 2) NOT NULL,
    retail_disc            numeric(10, 2) NOT NULL,
    coupon_disc            numeric(10, 2) NOT NULL,
    coupon_match_disc      numeric(10, 2) NOT NULL,
    week                   smallint NOT NULL,
    transaction_timestamp  timestamp NOT NULL,
    transaction_date       date NOT NULL GENERATED ALWAYS AS (transaction_timestamp::date) STORED,
    PRIMARY KEY (basket_id, product_id)
);
CREATE INDEX ON retail.transactions (transaction_date);
CREATE INDEX ON retail.transactions (household_id, transaction_date);
COMMENT ON TABLE retail.transactions IS 'One line per product in a basket.';
COMMENT ON COLUMN retail.transactions.sales_value IS 'Dollars received by the retailer for the line, after loyalty and before coupon discounts.';
COMMENT ON COLUMN retail.transactions.retail_disc IS 'Loyalty discount in dollars.';
COMMENT ON COLUMN retail.transactions.coupon_disc IS 'Discount of a manufacturer''s coupon in dollars.';
COMMENT ON COLUMN retail.transactions.quantity IS 'Units; for fuel, thousandths of a gallon.';

CREATE TABLE retail.campaigns (
    campaign_id    integer PRIMARY KEY,
    campaign_type  text NOT NULL,
    start_date     date NOT NULL,
    end_date       date NOT NULL,
    CHECK (start_date <= end_date)
);
COMMENT ON TABLE retail.campaigns IS 'Direct marketing campaigns, by type and period.';

CREATE TABLE retail.campaign_households (
    campaign_id   integer NOT NULL REFERENCES retail.campaigns,
    household_id  integer NOT NULL REFERENCES retail.households,
    PRIMARY KEY (campaign_id, household_id)
);
CREATE INDEX ON retail.campaign_households (household_id);
COMMENT ON TABLE retail.campaign_households IS 'Which households received a campaign.';

CREATE TABLE retail.coupons (
    campaign_id  integer NOT NULL REFERENCES retail.campaigns,
    coupon_upc   bigint NOT NULL,
    product_id   integer NOT NULL,
    PRIMARY KEY (campaign_id, coupon_upc, product_id)
);
COMMENT ON TABLE retail.coupons IS 'Products that a campaign''s coupon can be redeemed for.';

CREATE TABLE retail.coupon_redemptions (
    household_id     integer NOT NULL REFERENCES retail.households,
    coupon_upc       bigint NOT NULL,
    campaign_id      integer NOT NULL REFERENCES retail.campaigns,
    redemption_date  date NOT NULL,
    PRIMARY KEY (household_id, coupon_upc, campaign_id, redemption_date)
);
CREATE INDEX ON retail.coupon_redemptions (redemption_date);
COMMENT ON TABLE retail.coupon_redemptions IS 'Coupons that were redeemed, with the day.';

GRANT USAGE ON SCHEMA retail TO nightjar_trainer, nightjar_scorer;
GRANT SELECT ON ALL TABLES IN SCHEMA retail TO nightjar_trainer, nightjar_scorer;
