-- How large are the blocks? By powers of two: from low to below 2 * low.
WITH RECURSIVE powers (low) AS (
	SELECT CAST(1 AS BIGINT) UNION ALL SELECT 2 * low FROM powers WHERE low < 1099511627776
), ranges (low, high) AS (
	SELECT 0, 1 UNION ALL SELECT low, 2 * low FROM powers
), sizes (size, blocks, live) AS (
	SELECT size, count(*), 
	       sum(CASE WHEN coalesce(free_event, forgotten_event) IS NULL THEN 1 ELSE 0 END)
	FROM blocks
	WHERE inherited IS NULL
	GROUP BY size
)
SELECT r.low, sum(s.blocks) AS blocks, sum(s.blocks * s.size) AS bytes, sum(s.live) AS live
FROM ranges r
JOIN sizes s ON s.size >= r.low AND s.size < r.high
GROUP BY r.low
ORDER BY r.low;
