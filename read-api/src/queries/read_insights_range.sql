-- $1 the first day, $2 the last day: what is not named is today, and 30 days up to the last.
SELECT coalesce($1::date, last_day - 29) AS first_day, last_day
FROM (SELECT coalesce($2::date, (now() AT TIME ZONE 'UTC')::date) AS last_day) AS asked
