-- How long do the blocks of a site live, those that were freed?
SELECT b.site, coalesce(f.function, f.module) AS caller,
       count(*) AS freed, min(b.lifetime_ns) AS shortest_ns,
       CAST(sum(b.lifetime_ns) AS BIGINT) / count(*) AS mean_ns, max(b.lifetime_ns) AS longest_ns
FROM blocks b
LEFT JOIN frames f ON f.site = b.site AND f.position = 0
WHERE b.freed_ns IS NOT NULL
GROUP BY b.site, f.function, f.module
ORDER BY freed DESC, b.site
LIMIT 20;
