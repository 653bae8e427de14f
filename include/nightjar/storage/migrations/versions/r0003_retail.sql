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
COMMENT ON COLUMN retail.households.household_id IS 'Number of the household.';
COMMENT ON COLUMN retail.households.home_ownership IS 'Owner, renter and the like; NULL when not told.';
COMMENT ON COLUMN retail.households.marital_status IS 'Married or Unmarried; NULL when not told.';
COMMENT ON COLUMN retail.households.household_size IS 'Persons, 5+ for more; NULL when not told.';
COMMENT ON COLUMN retail.households.household_comp IS 'Adults and kids in words; NULL when not told.';
COMMENT ON COLUMN retail.households.kids_count IS 'Number of kids, 3+ for more; NULL when not told.';

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
COMMENT ON COLUMN retail.products.product_id IS 'Number of the product.';
COMMENT ON COLUMN retail.products.manufacturer_id IS 'Number of its manufacturer.';
COMMENT ON COLUMN retail.products.department IS 'Department of the store.';
COMMENT ON COLUMN retail.products.brand IS 'National, or Private for the retailer''s own label.';
COMMENT ON COLUMN retail.products.product_category IS 'Group within the department.';
COMMENT ON COLUMN retail.products.product_type IS 'Group within the category.';
COMMENT ON COLUMN retail.products.package_size IS 'As on the package.';

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
COMMENT ON COLUMN retail.transactions.basket_id IS 'Number of the purchase.';
COMMENT ON COLUMN retail.transactions.product_id IS 'What was bought; not always in retail.products.';
COMMENT ON COLUMN retail.transactions.household_id IS 'Who bought.';
COMMENT ON COLUMN retail.transactions.store_id IS 'Where.';
COMMENT ON COLUMN retail.transactions.coupon_match_disc IS 'Discount of the retailer''s match of a coupon in dollars.';
COMMENT ON COLUMN retail.transactions.week IS 'Week of the year, from 1.';
COMMENT ON COLUMN retail.transactions.transaction_timestamp IS 'When the basket was bought.';
COMMENT ON COLUMN retail.transactions.transaction_date IS 'Day of it.';

CREATE TABLE retail.campaigns (
    campaign_id    integer PRIMARY KEY,
    campaign_type  text NOT NULL,
    start_date     date NOT NULL,
    end_date       date NOT NULL,
    CHECK (start_date <= end_date)
);
COMMENT ON TABLE retail.campaigns IS 'Direct marketing campaigns, by type and period.';
COMMENT ON COLUMN retail.campaigns.campaign_id IS 'Number of the campaign.';
COMMENT ON COLUMN retail.campaigns.campaign_type IS 'Type A, Type B or Type C.';
COMMENT ON COLUMN retail.campaigns.start_date IS 'First day.';
COMMENT ON COLUMN retail.campaigns.end_date IS 'Last day.';

CREATE TABLE retail.campaign_households (
    campaign_id   integer NOT NULL REFERENCES retail.campaigns,
    household_id  integer NOT NULL REFERENCES retail.households,
    PRIMARY KEY (campaign_id, household_id)
);
CREATE INDEX ON retail.campaign_households (household_id);
COMMENT ON TABLE retail.campaign_households IS 'Which households received a campaign.';
COMMENT ON COLUMN retail.campaign_households.campaign_id IS 'The campaign.';
COMMENT ON COLUMN retail.campaign_households.household_id IS 'Who received it.';

CREATE TABLE retail.coupons (
    campaign_id  integer NOT NULL REFERENCES retail.campaigns,
    coupon_upc   bigint NOT NULL,
    product_id   integer NOT NULL,
    PRIMARY KEY (campaign_id, coupon_upc, product_id)
);
COMMENT ON TABLE retail.coupons IS 'Products that a campaign''s coupon can be redeemed for.';
COMMENT ON COLUMN retail.coupons.campaign_id IS 'The campaign.';
COMMENT ON COLUMN retail.coupons.coupon_upc IS 'Number of the coupon.';
COMMENT ON COLUMN retail.coupons.product_id IS 'What it can be redeemed for.';

CREATE TABLE retail.coupon_redemptions (
    household_id     integer NOT NULL REFERENCES retail.households,
    coupon_upc       bigint NOT NULL,
    campaign_id      integer NOT NULL REFERENCES retail.campaigns,
    redemption_date  date NOT NULL,
    PRIMARY KEY (household_id, coupon_upc, campaign_id, redemption_date)
);
CREATE INDEX ON retail.coupon_redemptions (redemption_date);
COMMENT ON TABLE retail.coupon_redemptions IS 'Coupons that were redeemed, with the day.';
COMMENT ON COLUMN retail.coupon_redemptions.household_id IS 'Who redeemed it.';
COMMENT ON COLUMN retail.coupon_redemptions.coupon_upc IS 'The coupon.';
COMMENT ON COLUMN retail.coupon_redemptions.campaign_id IS 'The campaign that it came from.';
COMMENT ON COLUMN retail.coupon_redemptions.redemption_date IS 'The day.';

GRANT USAGE ON SCHEMA retail TO nightjar_trainer, nightjar_scorer;
GRANT SELECT ON ALL TABLES IN SCHEMA retail TO nightjar_trainer, nightjar_scorer;
