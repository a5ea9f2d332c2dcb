-- What is mapped at the end, and by whom?
SELECT process, origin, count(*) AS maps, sum(size) AS bytes
FROM maps
GROUP BY process, origin
ORDER BY process, bytes DESC, origin;
