-- Processes of the ingress themselves: open connections and reloads of the configuration.
CREATE TABLE wh.ingress_processes (
  cluster VARCHAR,
  ingress_process_id BIGINT,
  instance VARCHAR,
  first_seen TIMESTAMP
);
CREATE TABLE wh.ingress_process_samples (
  cluster VARCHAR,
  tick TIMESTAMP,
  source VARCHAR,
  ts TIMESTAMP,
  ingress_process_id BIGINT,
  config_reloads_total DOUBLE,
  open_connections DOUBLE,
  config_age_seconds DOUBLE,
  uptime_seconds DOUBLE
);
CREATE TABLE wh.ingress_process_roll5m (
  cluster VARCHAR,
  t TIMESTAMP,
  source VARCHAR,
  ingress_process_id BIGINT,
  n INTEGER,
  covered_ms BIGINT,
  config_reloads_total_inc DOUBLE,
  open_connections_avg DOUBLE,
  open_connections_max DOUBLE,
  config_age_seconds_avg DOUBLE,
  config_age_seconds_max DOUBLE,
  uptime_seconds_avg DOUBLE,
  uptime_seconds_max DOUBLE
);
CREATE TABLE wh.ingress_process_roll1h (
  cluster VARCHAR,
  t TIMESTAMP,
  source VARCHAR,
  ingress_process_id BIGINT,
  n INTEGER,
  covered_ms BIGINT,
  config_reloads_total_inc DOUBLE,
  open_connections_avg DOUBLE,
  open_connections_max DOUBLE,
  config_age_seconds_avg DOUBLE,
  config_age_seconds_max DOUBLE,
  uptime_seconds_avg DOUBLE,
  uptime_seconds_max DOUBLE
);
