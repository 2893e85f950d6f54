MODEL (
  name bench.daily_revenue,
  kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 15),
  start '@first',
  end '@last',
  cron '@daily',
  grain (day, currency, country)
);

SELECT
  r.day::DATE AS day,
  r.currency::TEXT AS currency,
  r.country::TEXT AS country,
  COUNT(*)::BIGINT AS transactions,
  SUM(r.amount)::DECIMAL(38, 4) AS amount,
  SUM(ROUND(r.amount::DOUBLE * u.rate::DOUBLE / f.rate::DOUBLE, 4))::DECIMAL(38, 4) AS revenue_usd
FROM READ_PARQUET('@lake/raw_transactions/day=*/*.parquet', hive_partitioning = TRUE) AS r
JOIN READ_PARQUET('@lake/fx_rates/day=*/*.parquet', hive_partitioning = TRUE) AS f
  ON f.day::DATE = r.day::DATE AND f.currency = r.currency
JOIN READ_PARQUET('@lake/fx_rates/day=*/*.parquet', hive_partitioning = TRUE) AS u
  ON u.day::DATE = r.day::DATE AND u.currency = 'USD'
WHERE r.day::DATE BETWEEN @start_date AND @end_date
GROUP BY ALL
