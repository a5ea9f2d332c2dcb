-- What does one thread allocate and another one free?
SELECT b.thread AS by_thread, b.free_thread, b.site, coalesce(f.function, f.module) AS caller,
       count(*) AS blocks, sum(b.size) AS bytes
FROM blocks b
LEFT JOIN frames f ON f.site = b.site AND f.position = 0
WHERE b.free_thread <> b.thread AND b.inherited IS NULL
GROUP BY b.thread, b.free_thread, b.site, f.function, f.module
ORDER BY blocks DESC, b.thread, b.free_thread, b.site
LIMIT 20;
