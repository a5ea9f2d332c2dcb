/* --metrics: the counters for Prometheus and its like, in OpenMetrics text. */
#ifndef METRICS_H
#define METRICS_H

struct session;

/* Ends our process when the address cannot be had. */
void metrics_begin(struct session *);
/* To be called when all records have been drained. */
void metrics_work(struct session *);
void metrics_end(struct session *);

#endif
